import { createHash, X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { z } from 'zod';
import { messageOf, MusterError } from '../../error.js';
import { createClientCertificate } from '../../platform/tls/index.js';
import { LxdClient } from './lxd-client.js';
import { trustedServer } from './lxd-setup.js';

/** What `lxc config trust add` prints, as JSON in base64. */
const token = z.object({ fingerprint: z.string().regex(/^[0-9a-f]{64}$/), addresses: z.array(z.string()).default([]) });

export interface TrustedLxd {
  url: string;
  serverCertificate: string;
  certificate: string;
  key: string;
  /** `lxd 5.0.2`. */
  server: string;
}

const CONNECT_MS = 10_000;

/**
 * Has an LXD trust a new certificate of ours, by a token that its operator made. The token names the server's own
 * certificate: another one is not spoken to, and the token is not shown to it.
 */
export async function trustRemote(given: { url?: string; token: string }, now: Date): Promise<TrustedLxd> {
  const { fingerprint, addresses } = readToken(given.token);
  const url = await firstAnswering(given.url === undefined ? addresses.map((each) => `https://${each}`) : [given.url]);
  const serverCertificate = await shownCertificate(url);
  const shown = createHash('sha256').update(new X509Certificate(serverCertificate).raw).digest('hex');
  if (shown !== fingerprint) {
    throw new MusterError(
      'forbidden',
      `cannot trust ${url}: it shows the certificate ${shown.slice(0, 12)}…, and the token is for ${fingerprint.slice(0, 12)}…`,
    );
  }
  const { keyPem: key, certificatePem: certificate } = await createClientCertificate('muster', now);
  const client = new LxdClient({ url, serverCertificate, certificate, key }, null);
  const der = new X509Certificate(certificate).raw.toString('base64');
  // Until LXD 5.20 the token goes as the password, since then (and with Incus) under its own name.
  const text = given.token.trim();
  await client.change('POST', '/1.0/certificates', {
    ...{ type: 'client', name: 'muster', certificate: der, password: text, trust_token: text },
  });
  return { url, serverCertificate, certificate, key, server: await trustedServer(client) };
}

function readToken(text: string): z.infer<typeof token> {
  try {
    return token.parse(JSON.parse(Buffer.from(text.trim(), 'base64').toString('utf8')));
  } catch (error) {
    throw new MusterError('invalid', 'cannot read the token', {
      hint: 'make one on the computer of that LXD: lxc config trust add --name muster (Incus: incus config trust add muster)',
      cause: error,
    });
  }
}

async function firstAnswering(urls: readonly string[]): Promise<string> {
  const reasons: string[] = [];
  for (const url of urls) {
    try {
      await shownCertificate(url);
      return url;
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  throw new MusterError('unavailable', `cannot reach that LXD: ${reasons.join('; ') || 'the token names no address'}`, {
    hint: 'on its computer: lxc config set core.https_address :8443; or name another place with --url',
  });
}

/** Shakes hands and says nothing: the certificate is compared before anything is sent. */
function shownCertificate(url: string): Promise<string> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'https:') throw new MusterError('invalid', `cannot use ${url}: LXD is reached by https`);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port || 8443), rejectUnauthorized: false, timeout: CONNECT_MS }, () => {
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      resolve(new X509Certificate(raw).toString());
    });
    const fail = (reason: string) => {
      socket.destroy();
      reject(new MusterError('unavailable', `${url}: ${reason}`));
    };
    socket.once('timeout', () => fail(`no answer within ${CONNECT_MS} ms`));
    socket.once('error', (error: Error) => fail(error.message));
  });
}
