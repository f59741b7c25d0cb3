// A DHCP relay agent (RFC 1542, 4): node dhcp-relay.mjs CLIENT-INTERFACE ITS-ADDRESS SERVER. Says "ready" when it listens.
import { createSocket } from 'node:dgram';

const [, , clientInterface, address, server] = process.argv;
const GIADDR = 24;
const CIRCUIT_ID = Buffer.concat([
  Buffer.from([82, clientInterface.length + 2, 1, clientInterface.length]),
  Buffer.from(clientInterface),
]);

const socket = createSocket({ type: 'udp4', reuseAddr: true });
const giaddr = Buffer.from(address.split('.').map(Number));
socket.on('message', (bytes) => {
  if (bytes[0] === 1) {
    const end = lastOption(bytes);
    const forwarded = Buffer.concat([bytes.subarray(0, end), CIRCUIT_ID, Buffer.from([255])]);
    giaddr.copy(forwarded, GIADDR);
    forwarded[3] += 1;
    socket.send(forwarded, 67, server);
  } else if (bytes.includes(CIRCUIT_ID)) {
    socket.send(bytes, 68, address.replace(/\d+$/, '255'));
  }
});
socket.bind(67, () => {
  socket.setBroadcast(true);
  process.stdout.write('ready\n');
});

function lastOption(bytes) {
  let at = 240;
  while (bytes[at] !== 255) at += bytes[at] === 0 ? 1 : 2 + bytes[at + 1];
  return at;
}
