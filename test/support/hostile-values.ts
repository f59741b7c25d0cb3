/** What a caller may send where a value is expected. None of it may be more than a refusal. */
export const HOSTILE_VALUES: readonly unknown[] = [
  null,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  'a\0b',
  '\ud800',
  "x'; drop table machine; --",
  '../../etc/passwd',
  '__proto__',
  'x'.repeat(70_000),
  [],
  ['a\0b'],
  {},
  { constructor: { prototype: 1 } },
  { 'a\0b': 'c' },
  nested(200),
];

/** In a path, percent-encoded. */
export const HOSTILE_SEGMENTS: readonly string[] = [
  'nothing',
  '00000000-0000-4000-8000-000000000000',
  '00000000-0000-4000-8000-00000000000',
  'a%00b',
  '%00',
  '%ED%A0%80',
  '%FF',
  '%zz',
  '..%2f..%2fetc%2fpasswd',
  '%20',
  '0',
  '-1',
  '99999999999999999999999',
  '%EF%BF%BF',
  "x'%3B--",
  '__proto__',
  'constructor',
  'x'.repeat(4000),
];

/** Whole bodies: what is sent, as which type. */
export const HOSTILE_BODIES: readonly { what: string; body: string | Buffer; headers?: Record<string, string> }[] = [
  { what: 'nothing', body: '' },
  { what: 'null', body: 'null' },
  { what: 'a list', body: '[]' },
  { what: 'a text', body: '"text"' },
  { what: 'a number', body: '1e999' },
  { what: 'half an object', body: '{"name":' },
  { what: 'no UTF-8', body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]) },
  { what: 'a prototype', body: '{"__proto__":{"role":"admin"},"constructor":{"prototype":{"x":1}}}' },
  { what: 'deep lists', body: '['.repeat(20_000) + ']'.repeat(20_000) },
  { what: 'deep objects', body: `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}` },
  { what: 'deep objects in an unknown field', body: `{"unknown":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}` },
  { what: 'many keys', body: JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [at, at]))) },
  { what: 'text', body: '{}', headers: { 'content-type': 'text/plain' } },
  { what: 'an unknown charset', body: '{}', headers: { 'content-type': 'application/json; charset=utf-99' } },
  { what: 'broken gzip', body: '{}', headers: { 'content-encoding': 'gzip' } },
  { what: 'an unknown encoding', body: '{}', headers: { 'content-encoding': 'zzz' } },
  { what: 'bytes', body: Buffer.from([0, 1, 2]), headers: { 'content-type': 'application/octet-stream' } },
];

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: [nested(depth - 1)] };
}
