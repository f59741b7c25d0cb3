// A DHCP server that is not ours and offers one address to everybody: node dhcp-other.mjs ITS-ADDRESS. Says "ready".
import { createSocket } from 'node:dgram';

const own = Buffer.from(process.argv[2].split('.').map(Number));
const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.on('message', (bytes) => {
  const offer = Buffer.concat([bytes.subarray(0, 240), Buffer.from([53, 1, 2, 54, 4, ...own, 255])]);
  offer[0] = 2;
  own.copy(offer, 16);
  socket.send(offer, 68, [...own.subarray(0, 3), 255].join('.'));
});
socket.bind(67, () => {
  socket.setBroadcast(true);
  process.stdout.write('ready\n');
});
