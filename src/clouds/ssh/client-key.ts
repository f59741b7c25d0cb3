import ssh2 from 'ssh2';
import { messageOf, MusterError } from '../../error.js';
import { generateSshKey } from '../../platform/remote/index.js';

/** The key that muster logs in with: the given one, or a new one. */
export function clientKey(given: string | undefined, comment: string): { publicKey: string; privateKey: string } {
  if (given === undefined) return generateSshKey(comment);
  const parsed = ssh2.utils.parseKey(given);
  if (parsed instanceof Error) {
    throw new MusterError('invalid', `cannot read the private key: ${messageOf(parsed)}`, {
      hint: 'an OpenSSH or PEM key without a passphrase',
    });
  }
  const [key] = [parsed].flat();
  if (key?.isPrivateKey() !== true)
    throw new MusterError('invalid', 'cannot log in with a public key: give the private one');
  return { publicKey: `${key.type} ${key.getPublicSSH().toString('base64')} ${comment}`, privateKey: given };
}
