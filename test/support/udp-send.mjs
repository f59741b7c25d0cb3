// Sends datagrams as they are, one per line of standard input in base64, a few hundred at a time:
// node udp-send.mjs ADDRESS PORT [SOURCE_PORT]. A raw socket is used for source port 0, which no other gives.
import { createSocket } from 'node:dgram';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const [, , address, port, sourcePort] = process.argv;
const datagrams = (await text(process.stdin))
  .split('\n')
  .slice(0, -1)
  .map((line) => Buffer.from(line, 'base64'));
if (sourcePort === '0') sendFromPortZero();
else await sendAll();

async function sendAll() {
  const socket = createSocket('udp4');
  await new Promise((resolve) => socket.bind(Number(sourcePort ?? 0), resolve));
  socket.setBroadcast(true);
  socket.on('error', () => undefined);
  for (const [at, bytes] of datagrams.entries()) {
    await new Promise((resolve) => socket.send(bytes, Number(port), address, resolve));
    if (at % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  socket.close();
}

function sendFromPortZero() {
  const libc = createRequire(import.meta.url)('koffi').load('libc.so.6');
  const open = libc.func('int socket(int, int, int)');
  const sendTo = libc.func('long sendto(int, uint8_t *, size_t, int, uint8_t *, unsigned int)');
  // AF_INET, SOCK_RAW, IPPROTO_UDP; the kernel writes the IP header, the UDP header is ours.
  const fd = open(2, 3, 17);
  const to = Buffer.from([2, 0, 0, 0, ...address.split('.').map(Number), 0, 0, 0, 0, 0, 0, 0, 0]);
  for (const bytes of datagrams) {
    const header = Buffer.alloc(8);
    header.writeUInt16BE(Number(port), 2);
    header.writeUInt16BE(bytes.length + 8, 4);
    const packet = Buffer.concat([header, bytes]);
    if (sendTo(fd, packet, packet.length, 0, to, to.length) < 0) process.exitCode = 1;
  }
}
