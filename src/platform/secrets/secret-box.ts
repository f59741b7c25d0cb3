import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { MusterError } from '../../error.js';

/** AES-256-GCM (NIST SP 800-38D): 32-byte key, 96-bit nonce, 128-bit tag. */
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 's1';

/**
 * Seals secrets for the database: each value has a key of its own, wrapped by the key-encryption key. The row's id is
 * associated data, so a sealed value that is copied to another row does not open there.
 *
 * A sealed value is `s1.<id of the wrapping key>.<wrapped key>.<encrypted value>`, the last two in base64url.
 */
export class SecretBox {
  private keys = new Map<string, Buffer>();
  private currentId = '';

  /** The first key seals; all of them open, which is what a rotation needs. Each is 32 bytes. */
  constructor(keys: readonly Buffer[]) {
    this.useKeys(keys);
  }

  /** Takes other keys from now on: the key file was changed. */
  useKeys(keys: readonly Buffer[]): void {
    const [current] = keys;
    if (current === undefined || keys.some((key) => key.length !== KEY_BYTES)) {
      throw new MusterError('invalid', 'cannot use this key-encryption key: it is not 32 bytes');
    }
    this.keys = new Map(keys.map((key) => [keyIdOf(key), key]));
    this.currentId = keyIdOf(current);
  }

  /** The ids of the keys that open; the first of them seals. */
  get keyIds(): string[] {
    return [...this.keys.keys()];
  }

  seal(plaintext: string, rowId: string): string {
    const rowKey = randomBytes(KEY_BYTES);
    const wrapped = encrypt(this.keyOf(this.currentId), rowKey, `key ${rowId}`);
    const body = encrypt(rowKey, Buffer.from(plaintext, 'utf8'), `value ${rowId}`);
    return [VERSION, this.currentId, wrapped, body].join('.');
  }

  /** Throws when the value was changed, belongs to another row, or was sealed under a key that is not here. */
  open(sealed: string, rowId: string): string {
    const { keyId, wrapped, body } = parse(sealed);
    const rowKey = decrypt(this.keyOf(keyId), wrapped, `key ${rowId}`);
    return decrypt(rowKey, body, `value ${rowId}`).toString('utf8');
  }

  /** The same secret with its key wrapped by the current key; the encrypted value itself is not touched. */
  rewrap(sealed: string, rowId: string): string {
    const { keyId, wrapped, body } = parse(sealed);
    if (keyId === this.currentId) return sealed;
    const rowKey = decrypt(this.keyOf(keyId), wrapped, `key ${rowId}`);
    return [VERSION, this.currentId, encrypt(this.keyOf(this.currentId), rowKey, `key ${rowId}`), body].join('.');
  }

  private keyOf(id: string): Buffer {
    const key = this.keys.get(id);
    if (key !== undefined) return key;
    throw new MusterError('internal', `cannot open a secret: it was sealed under key ${id}, which is not loaded`, {
      hint: 'restore the key file that this database was used with (secrets.keyFile, or secrets.key in the data folder)',
    });
  }
}

/** Tells keys apart without telling anything of them. */
export function keyIdOf(key: Buffer): string {
  return createHash('sha256').update('muster key id').update(key).digest('hex').slice(0, 12);
}

function parse(sealed: string): { keyId: string; wrapped: string; body: string } {
  const [version, keyId, wrapped, body, ...rest] = sealed.split('.');
  if (version !== VERSION || keyId === undefined || wrapped === undefined || body === undefined || rest.length > 0) {
    throw new MusterError('internal', 'cannot open a secret: it is not a sealed value');
  }
  return { keyId, wrapped, body };
}

function encrypt(key: Buffer, plaintext: Buffer, associated: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(associated, 'utf8'));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

function decrypt(key: Buffer, encrypted: string, associated: string): Buffer {
  const bytes = Buffer.from(encrypted, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(associated, 'utf8'));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new MusterError('internal', 'cannot open a secret: it was changed, or it belongs to another row', {
      cause: error,
    });
  }
}
