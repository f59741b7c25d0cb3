import { describe, expect, it } from 'vitest';
import { planResponse } from './response-plan.js';

const sha256 = 'a'.repeat(64);
const file = { sizeBytes: 1000, sha256 };
const get = (headers: { range?: string; ifRange?: string; ifNoneMatch?: string } = {}) =>
  planResponse({ method: 'GET', ...headers }, file);

describe('content over HTTP', () => {
  it('is sent whole, with its hash as entity tag', () => {
    expect(get()).toEqual({
      status: 200,
      headers: {
        etag: `"${sha256}"`,
        'cache-control': 'public, max-age=31536000, immutable',
        'accept-ranges': 'bytes',
        'content-type': 'application/octet-stream',
        'content-length': '1000',
      },
      bytes: { first: 0, last: 999 },
    });
  });

  it('is described to a HEAD, whatever range it asks for', () => {
    const plan = planResponse({ method: 'HEAD', range: 'bytes=0-9' }, file);
    expect(plan).toMatchObject({ status: 200, headers: { 'content-length': '1000' }, bytes: null });
  });

  it('is not written to', () => {
    expect(planResponse({ method: 'PUT' }, file)).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=10-19', 10, 19],
    ['bytes=990-', 990, 999],
    ['bytes=990-5000', 990, 999],
    ['bytes=-1', 999, 999],
    ['bytes=-5000', 0, 999],
    ['bytes = 1 - 2', 1, 2],
  ])('answers %s', (range, first, last) => {
    expect(get({ range })).toMatchObject({
      status: 206,
      headers: { 'content-range': `bytes ${first}-${last}/1000`, 'content-length': String(last - first + 1) },
      bytes: { first, last },
    });
  });

  it.each(['bytes=1000-', 'bytes=5000-6000', 'bytes=-0'])('cannot satisfy %s', (range) => {
    expect(get({ range })).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */1000' }, bytes: null });
  });

  it.each([
    'bytes=9-3',
    'bytes=-',
    'bytes=a-b',
    'lines=1-2',
    'bytes=0-1,5-6',
    '',
    'bytes=1-2-3',
    `bytes=${'9'.repeat(400)}-`,
  ])('ignores %s', (range) => expect(get({ range })).toMatchObject({ status: 200, bytes: { first: 0, last: 999 } }));

  it('honours If-Range only with this very hash', () => {
    expect(get({ range: 'bytes=5-', ifRange: `"${sha256}"` }).status).toBe(206);
    for (const ifRange of [`W/"${sha256}"`, '"other"', 'Sat, 21 Nov 2026 07:24:44 GMT']) {
      expect(get({ range: 'bytes=5-', ifRange }).status).toBe(200);
    }
  });

  it('is not sent to one who has it', () => {
    for (const ifNoneMatch of [`"${sha256}"`, `W/"${sha256}"`, `"x", "${sha256}"`, '*']) {
      expect(get({ ifNoneMatch })).toMatchObject({ status: 304, bytes: null });
    }
    expect(get({ ifNoneMatch: '"x"' }).status).toBe(200);
  });

  it('may be empty', () => {
    const empty = { sizeBytes: 0, sha256 };
    expect(planResponse({ method: 'GET' }, empty)).toMatchObject({ status: 200, bytes: null });
    expect(planResponse({ method: 'GET', range: 'bytes=0-' }, empty).status).toBe(416);
  });
});
