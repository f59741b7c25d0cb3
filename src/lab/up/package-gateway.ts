import { chmodSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * The rack's network leads nowhere, yet images are built from packages there. This is an HTTP proxy on a unix socket,
 * which is the same in every network namespace: it stands outside, and whoever may open the socket gets out.
 */
export function startPackageGateway(socket: string): Promise<Server> {
  const server = createServer(forward);
  server.on('connect', tunnel);
  rmSync(socket, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => {
      chmodSync(socket, 0o600);
      resolve(server);
    });
  });
}

/** RFC 9112 section 3.2.2: a proxy is asked with the absolute form. */
function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const url = URL.parse(incoming.url ?? '');
  if (url?.protocol !== 'http:') {
    outgoing.writeHead(400).end();
    return;
  }
  const { 'proxy-connection': _, ...headers } = incoming.headers;
  const onward = request(url, { method: incoming.method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
    answer.on('error', () => outgoing.destroy());
  });
  onward.on('error', () => {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(502).end();
  });
  outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

/** RFC 9110 section 9.3.6, for https. */
function tunnel(incoming: IncomingMessage, client: Duplex, head: Buffer): void {
  const target = /^(.+):(\d{1,5})$/.exec(incoming.url ?? '');
  const host = target?.[1]?.replace(/^\[|\]$/g, '');
  const port = Number(target?.[2]);
  if (host === undefined || port < 1 || port > 65535) {
    client.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    return;
  }
  const onward = connect(port, host, () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    onward.write(head);
    onward.pipe(client);
    client.pipe(onward);
  });
  onward.on('error', () => client.destroy());
  client.on('error', () => onward.destroy());
  client.on('close', () => onward.destroy());
}
