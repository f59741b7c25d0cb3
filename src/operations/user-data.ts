import { MusterError } from '../error.js';

/** What cloud-init takes a document for, by how it begins (cloud-init's documentation, "User data formats"). */
const KINDS: readonly [begins: string, type: string][] = [
  ['#cloud-config', 'text/cloud-config'],
  ['#!', 'text/x-shellscript'],
  ['#include', 'text/x-include-url'],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['## template: jinja', 'text/jinja2'],
];
/** Lists grow, maps join, and of two single values the first stands: the operator adds to ours and breaks nothing. */
const MERGE = 'list(append)+dict(no_replace,recurse_list)+str()';
const BOUNDARY = '==muster-user-data==';

/** Throws where cloud-init would leave the document aside without a word. */
export function checkUserData(text: string): void {
  kindOf(text);
}

/** One document of both (RFC 2046, multipart/mixed): ours first, so that its host keys and its sign of life stand. */
export function joinUserData(own: string, operators: string): string {
  return [
    `Content-Type: multipart/mixed; boundary="${BOUNDARY}"`,
    'MIME-Version: 1.0',
    '',
    ...part('text/cloud-config', own, []),
    ...part(kindOf(operators), operators, [`X-Merge-Type: ${MERGE}`]),
    `--${BOUNDARY}--`,
    '',
  ].join('\n');
}

function part(type: string, text: string, more: string[]): string[] {
  const lines =
    Buffer.from(text)
      .toString('base64')
      .match(/.{1,76}/g) ?? [];
  const headers = [`Content-Type: ${type}; charset="utf-8"`, 'MIME-Version: 1.0', 'Content-Transfer-Encoding: base64'];
  return [`--${BOUNDARY}`, ...headers, ...more, '', ...lines];
}

function kindOf(text: string): string {
  const found = KINDS.find(([begins]) => text.startsWith(begins));
  if (found !== undefined) return found[1];
  throw new MusterError('invalid', `cannot use this user-data: it begins with "${text.slice(0, 20)}"`, {
    hint: `it begins with one of: ${KINDS.map(([begins]) => begins).join(', ')}`,
  });
}
