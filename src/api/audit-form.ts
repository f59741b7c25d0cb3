import { createHash } from 'node:crypto';

/**
 * A request's body as the audit keeps it. Settings, files of a bundle and parameters of an action may hold secrets, and only
 * a bundle that can be read tells which: of settings and parameters stays what they set, of files which they were.
 */
export function auditForm(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const { settings, files, params, bundle } = body as Record<string, unknown>;
  return {
    ...body,
    ...(Array.isArray(settings) && { settings: settings.map(({ value: _value, ...of }: { value?: unknown }) => of) }),
    ...(typeof params === 'object' && params !== null && { params: Object.keys(params) }),
    ...(typeof bundle === 'object' && { bundle: auditForm(bundle) }),
    ...(Array.isArray(files) && { files: (files as { text: string }[]).map(fileForAudit) }),
  };
}

/** A file of a bundle by the hash of its text, which the deployment's versions keep. */
export function fileForAudit<File extends { text: string }>({ text, ...of }: File) {
  return { ...of, sha256: createHash('sha256').update(text).digest('hex') };
}
