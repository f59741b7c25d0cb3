/** What matters of a request for content that never changes. Header values as they came, absent ones undefined. */
export interface ContentRequest {
  method: string;
  range?: string;
  ifRange?: string;
  ifNoneMatch?: string;
}

export interface ContentResponse {
  status: 200 | 206 | 304 | 405 | 416;
  headers: Record<string, string>;
  /** The bytes to send, both ends included (RFC 9110, 14.1.2); null: no body. */
  bytes: { first: number; last: number } | null;
}

/**
 * What to answer for a file known by its hash (RFC 9110, 13 and 14). The hash is a strong entity tag. Several ranges at
 * once are answered with the whole file, which 14.2 allows.
 */
export function planResponse(
  request: ContentRequest,
  file: { sizeBytes: number; sha256: string; contentType?: string },
): ContentResponse {
  const etag = `"${file.sha256}"`;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, headers: { allow: 'GET, HEAD', 'content-length': '0' }, bytes: null };
  }
  const lasting = { etag, 'cache-control': 'public, max-age=31536000, immutable' };
  if (request.ifNoneMatch !== undefined && matches(request.ifNoneMatch, etag)) {
    return { status: 304, headers: lasting, bytes: null };
  }
  const headers = {
    ...lasting,
    'accept-ranges': 'bytes',
    'content-type': file.contentType ?? 'application/octet-stream',
  };
  const range = rangeOf(request, file.sizeBytes, etag);
  if (range === 'unsatisfiable') {
    const unsatisfied = { ...headers, 'content-range': `bytes */${file.sizeBytes}`, 'content-length': '0' };
    return { status: 416, headers: unsatisfied, bytes: null };
  }
  const { first, last } = range ?? { first: 0, last: file.sizeBytes - 1 };
  return {
    status: range === null ? 200 : 206,
    headers: {
      ...headers,
      'content-length': String(last - first + 1),
      ...(range === null ? {} : { 'content-range': `bytes ${first}-${last}/${file.sizeBytes}` }),
    },
    bytes: request.method === 'HEAD' || last < first ? null : { first, last },
  };
}

/** Null: the whole file. A header that cannot be understood is ignored (14.2). */
function rangeOf(
  request: ContentRequest,
  sizeBytes: number,
  etag: string,
): { first: number; last: number } | 'unsatisfiable' | null {
  // Range is defined for GET alone (14.2); a HEAD that gets 206 confuses some firmware.
  if (request.method !== 'GET' || request.range === undefined) return null;
  if (request.ifRange !== undefined && request.ifRange !== etag) return null;
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(request.range.replaceAll(' ', ''));
  if (found === null) return null;
  const [, from = '', to = ''] = found;
  if (from === '' && to === '') return null;
  if (from === '') {
    const length = Math.min(Number(to), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { first: sizeBytes - length, last: sizeBytes - 1 };
  }
  const first = Number(from);
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (to !== '' && Number(to) < first) return null;
  return first >= sizeBytes ? 'unsatisfiable' : { first, last };
}

/** Weak comparison over a list, or `*` (13.1.2). */
function matches(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
