import {
  fanBridgeAddress,
  fanSlice,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
} from '../protocol/ipv4/index.js';
import type { Register } from './context.js';
import { table } from './format.js';

/** `muster fan plan`: fan arithmetic on this computer; nothing is asked and nothing is changed. */
export const registerFan: Register = (program, context) => {
  program
    .command('fan')
    .summary('the deterministic overlay')
    .command('plan [hosts...]')
    .summary('print the slices of hosts and the commands that lay the fan; changes nothing')
    .requiredOption('--underlay <network>', 'the network of the hosts: 172.16.0.0/16')
    .requiredOption('--overlay <network>', 'the larger network that is divided: 250.0.0.0/8')
    .addHelpText(
      'after',
      '\nExample:\n  muster fan plan --underlay 172.16.0.0/16 --overlay 250.0.0.0/8 172.16.3.4 172.16.3.5',
    )
    .action((hosts: string[], options: { underlay: string; overlay: string }) => {
      const fan = { underlay: parsePrefix(options.underlay), overlay: parsePrefix(options.overlay) };
      const slices = hosts.map((host) => {
        const address = parseAddress(host);
        const slice = fanSlice(fan, address);
        return { host, slice: formatPrefix(slice), bridge: formatAddress(fanBridgeAddress(fan, address)) };
      });
      context.show(slices, () => {
        const rows = slices.map(({ host, slice, bridge }) => [host, slice, bridge]);
        const texts = slices.map((own) => commandsOf(own, slices, formatPrefix(fan.overlay)));
        return [table(['host', 'slice', 'bridge'], rows), ...texts].join('\n\n');
      });
    });
};

interface Slice {
  host: string;
  slice: string;
  bridge: string;
}

/** VXLAN-GPE in collect-metadata mode with one route for each peer, as docs/fan.md explains. */
function commandsOf(own: Slice, all: readonly Slice[], overlay: string): string {
  const octet = overlay.split('.')[0] ?? '';
  const length = own.slice.split('/')[1] ?? '';
  const peers = all.filter((peer) => peer.host !== own.host);
  return [
    `# on ${own.host}`,
    `ip link add fan-${octet} type bridge; ip addr add ${own.bridge}/${length} dev fan-${octet}; ip link set fan-${octet} up`,
    'ip link add fan0 type vxlan external gpe dstport 4790',
    'ip link set fan0 mtu $((UNDERLAY_MTU - 36)) up',
    ...peers.map(
      (peer) => `ip route add ${peer.slice} encap ip id ${octet} dst ${peer.host} ttl 64 src ${own.bridge} dev fan0`,
    ),
    `ip route add blackhole ${overlay}`,
  ].join('\n');
}
