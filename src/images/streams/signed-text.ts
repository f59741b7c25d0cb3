import { readFile } from 'node:fs/promises';
import { type Key, readCleartextMessage, readKeys, verify } from 'openpgp';
import { messageOf, MusterError } from '../../error.js';

/** Where the distribution's package puts the key that signs Ubuntu's images. */
const PACKAGED_KEYRING = '/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg';

/** The keys of a keyring file, binary or armoured. */
export async function readKeyring(path: string = PACKAGED_KEYRING): Promise<Key[]> {
  return parseKeyring(path, await readKeyringFile(path));
}

async function readKeyringFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new MusterError('invalid', `cannot check the stream's signature: ${messageOf(error)}`, {
      hint: 'apt-get install ubuntu-cloudimage-keyring (on Ubuntu), or name a keyring in images.keyring',
      cause: error,
    });
  }
}

async function parseKeyring(path: string, bytes: Buffer): Promise<Key[]> {
  try {
    const text = bytes.toString('latin1');
    const isArmoured = text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----');
    return await (isArmoured ? readKeys({ armoredKeys: text }) : readKeys({ binaryKeys: bytes }));
  } catch (error) {
    throw new MusterError('invalid', `cannot read the keyring ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The text of a clear-signed document (RFC 9580, 7), if one of the keys signed it. What stands outside the signed part
 * is not given.
 */
export async function readSignedText(url: string, document: Buffer, keys: readonly Key[], now: Date): Promise<string> {
  try {
    const message = await readCleartextMessage({ cleartextMessage: document.toString('utf8') });
    const { data, signatures } = await verify({ message, verificationKeys: [...keys], date: now });
    // Other keys may have signed as well; one of ours is needed, and enough.
    await Promise.any(signatures.map((signature) => signature.verified));
    return data;
  } catch (error) {
    const reasons = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);
    throw new MusterError('forbidden', `cannot trust ${url}: ${reasons || 'it is not signed'}`, {
      hint: 'the source or its mirror was changed, or it is signed by a key that is not in images.keyring',
      cause: error,
    });
  }
}
