import { createHash } from 'node:crypto';

/**
 * A request's body as the audit keeps it. Settings and files of a bundle may hold secrets, and only a bundle that can be
 * read tells which: of settings stays what they set, of files which they were.
 */
export function auditForm(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const { settings, files } = body as { settings?: unknown; files?: unknown };
  return {
    ...body,
    ...(Array.isArray(settings) && { settings: settings.map(({ value: _value, ...of }: { value?: unknown }) => of) }),
    ...(Array.isArray(files) && { files: (files as { text: string }[]).map(fileForAudit) }),
  };
}

/** A file of a bundle by the hash of its text, which the deployment's versions keep. */
export function fileForAudit<File extends { text: string }>({ text, ...of }: File) {
  return { ...of, sha256: createHash('sha256').update(text).digest('hex') };
}
