import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCleartextMessage, generateKey, sign, type PrivateKey } from 'openpgp';

export interface MirrorItem {
  ftype: string;
  path: string;
  bytes: Buffer;
  /** What the stream claims, where it lies. */
  sha256?: string;
}

export interface MirrorProduct {
  name: string;
  tags: Record<string, string>;
  versions: Record<string, MirrorItem[]>;
}

/** A small simplestreams source on loopback, signed by a key of its own. */
export class SignedMirror {
  readonly files = new Map<string, Buffer>();
  readonly requests: IncomingMessage[] = [];
  /** Bytes of an answer after which the connection is cut, by path; once. */
  readonly cuts = new Map<string, number>();

  private constructor(
    private readonly server: Server,
    private readonly key: PrivateKey,
    readonly url: string,
  ) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.answer(request, response));
  }

  /** Writes the public key to `keyring`. */
  static async start(keyring: string): Promise<SignedMirror> {
    const { privateKey, publicKey } = await newKey();
    writeFileSync(keyring, publicKey.armor());
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stream/`;
    return new SignedMirror(server, privateKey, url);
  }

  async publish(products: readonly MirrorProduct[], signer: PrivateKey = this.key): Promise<void> {
    const productsPath = 'streams/v1/com.example:download.sjson';
    const index = {
      format: 'index:1.0',
      index: {
        'com.example:download': { datatype: 'image-downloads', format: 'products:1.0', path: productsPath },
        'com.example:ids': { datatype: 'image-ids', path: 'streams/v1/missing.sjson' },
      },
    };
    const document = {
      format: 'products:1.0',
      products: Object.fromEntries(products.map((product) => [product.name, this.describe(product)])),
    };
    this.files.set('streams/v1/index.sjson', await signed(index, signer));
    this.files.set(productsPath, await signed(document, signer));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private describe(product: MirrorProduct) {
    const versions = Object.entries(product.versions).map(([version, items]) => {
      const described = items.map(({ ftype, path, bytes, sha256 }) => {
        this.files.set(path, bytes);
        const actual = createHash('sha256').update(bytes).digest('hex');
        return [ftype, { ftype, path, size: bytes.length, sha256: sha256 ?? actual }];
      });
      return [version, { items: Object.fromEntries(described) as unknown }];
    });
    return { ...product.tags, versions: Object.fromEntries(versions) as unknown };
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request);
    const path = (request.url ?? '').replace('/stream/', '');
    const bytes = this.files.get(path);
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      etag: `"${bytes.length}"`,
      'content-length': rest.length,
      'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
    });
    const cut = this.cuts.get(path);
    this.cuts.delete(path);
    if (cut === undefined) response.end(rest);
    else response.write(rest.subarray(0, cut), () => response.socket?.destroy());
  }
}

export async function newKey() {
  return generateKey({ userIDs: [{ name: 'Mirror', email: 'mirror@example.com' }], format: 'object' });
}

async function signed(value: unknown, signingKeys: PrivateKey): Promise<Buffer> {
  const message = await createCleartextMessage({ text: JSON.stringify(value, null, 1) });
  return Buffer.from(await sign({ message, signingKeys }));
}
