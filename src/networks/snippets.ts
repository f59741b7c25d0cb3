import {
  addressFromBytes,
  formatAddress,
  formatPrefix,
  formatRange,
  lastAddressOf,
  maskOf,
  type Ipv4,
} from '../protocol/ipv4/index.js';
import type { Subnet } from './subnet.js';

/** The other DHCP server. */
export type SnippetKind = 'kea' | 'isc' | 'dnsmasq';

/** Where muster is, as machines of the subnet reach it. */
export interface SnippetServer {
  address: string;
  httpPort: number;
}

/** Architecture (option 93) to boot file, as machines.md has it. */
const BOOT_FILES: readonly { name: string; architectures: readonly number[]; file: string; http?: true }[] = [
  { name: 'bios', architectures: [0], file: 'undionly.kpxe' },
  { name: 'uefi-x64', architectures: [7, 9], file: 'snponly.efi' },
  { name: 'uefi-arm64', architectures: [11], file: 'grubaa64.efi' },
  { name: 'http-x64', architectures: [16], file: 'snponly.efi', http: true },
  { name: 'http-arm64', architectures: [19], file: 'grubaa64.efi', http: true },
];

/** The configuration that another DHCP server needs to send this subnet's machines to muster. */
export function bootSnippet(kind: SnippetKind, subnet: Subnet, server: SnippetServer): string {
  const write = { kea, isc, dnsmasq }[kind];
  return write(subnet, server);
}

function scriptUrl(server: SnippetServer, mac: string): string {
  return `http://${server.address}:${server.httpPort}/boot/ipxe/${mac}`;
}

function fileUrl(server: SnippetServer, file: string): string {
  return `http://${server.address}:${server.httpPort}/boot/files/${file}`;
}

const hex = (architecture: number) => `0x${architecture.toString(16).padStart(4, '0')}`;

/** Classes are given in order: the last match of a boot file would win in Kea, so each excludes iPXE. */
function kea(subnet: Subnet, server: SnippetServer): string {
  const ipxe = 'option[77].hex == 0x69505845 or option[175].exists';
  // iPXE fills the MAC in itself; Kea hands the text through.
  const classes: object[] = [
    { name: 'muster-ipxe', test: ipxe, 'boot-file-name': scriptUrl(server, '${net0/mac}') },
    ...BOOT_FILES.map((it) => ({
      name: `muster-${it.name}`,
      test: `not (${ipxe}) and (${it.architectures.map((a) => `option[93].hex == ${hex(a)}`).join(' or ')})`,
      'next-server': server.address,
      'boot-file-name': it.http === true ? fileUrl(server, it.file) : it.file,
      ...(it.http === true
        ? { 'option-data': [{ name: 'vendor-class-identifier', data: 'HTTPClient', 'always-send': true }] }
        : {}),
    })),
  ];
  const data = optionsOf(subnet).map(({ keaName, text }) => ({ name: keaName, data: text }));
  const configuration = {
    Dhcp4: {
      'client-classes': classes,
      subnet4: [
        {
          id: 1,
          subnet: formatPrefix(subnet.prefix),
          pools: subnet.dynamicRanges.map((range) => ({ pool: formatRange(range).replace('-', ' - ') })),
          'valid-lifetime': subnet.leaseSeconds,
          'option-data': data,
        },
      ],
    },
  };
  return `${JSON.stringify(configuration, null, 2)}\n`;
}

function isc(subnet: Subnet, server: SnippetServer): string {
  const lines = [
    'option muster-architecture code 93 = unsigned integer 16;',
    `subnet ${formatAddress(subnet.prefix.network)} netmask ${formatAddress(maskOf(subnet.prefix.length))} {`,
    ...subnet.dynamicRanges.map((range) => `  range ${formatRange(range).replace('-', ' ')};`),
    `  default-lease-time ${subnet.leaseSeconds};`,
    `  max-lease-time ${subnet.leaseSeconds};`,
    ...optionsOf(subnet).map(({ iscName, text }) => `  option ${iscName} ${text};`),
    `  next-server ${server.address};`,
    '  if exists user-class and option user-class = "iPXE" {',
    `    filename "${scriptUrl(server, '${net0/mac}')}";`,
    ...BOOT_FILES.flatMap((it) => [
      `  } elsif ${it.architectures.map((a) => `option muster-architecture = ${a}`).join(' or ')} {`,
      ...(it.http === true ? ['    option vendor-class-identifier "HTTPClient";'] : []),
      `    filename "${it.http === true ? fileUrl(server, it.file) : it.file}";`,
    ]),
    '  }',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function dnsmasq(subnet: Subnet, server: SnippetServer): string {
  const tag = subnet.name;
  const mask = formatAddress(maskOf(subnet.prefix.length));
  const lines = [
    ...subnet.dynamicRanges.map(
      (range) => `dhcp-range=set:${tag},${formatRange(range).replace('-', ',')},${mask},${subnet.leaseSeconds}s`,
    ),
    ...optionsOf(subnet).map(({ dnsmasqName, text }) => `dhcp-option=tag:${tag},${dnsmasqName},${text}`),
    'dhcp-match=set:ipxe,175',
    'dhcp-userclass=set:ipxe,iPXE',
    ...BOOT_FILES.flatMap((it) =>
      it.architectures.map((architecture) => `dhcp-match=set:${it.name},option:client-arch,${architecture}`),
    ),
    `dhcp-boot=tag:${tag},tag:ipxe,${scriptUrl(server, '${net0/mac}')}`,
    ...BOOT_FILES.map((it) => {
      const file = it.http === true ? fileUrl(server, it.file) : it.file;
      return `dhcp-boot=tag:${tag},tag:!ipxe,tag:${it.name},${file},,${server.address}`;
    }),
    ...BOOT_FILES.filter((it) => it.http === true).map(
      (it) => `dhcp-option-force=tag:${tag},tag:${it.name},option:vendor-class,HTTPClient`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

interface NamedOption {
  keaName: string;
  iscName: string;
  dnsmasqName: string;
  text: string;
}

function optionsOf(subnet: Subnet): NamedOption[] {
  const named = (keaName: string, dnsmasqName: string, iscName: string, addresses: readonly Ipv4[]): NamedOption[] =>
    addresses.length === 0 ? [] : [{ keaName, dnsmasqName, iscName, text: addresses.map(formatAddress).join(', ') }];
  const ntp = subnet.options.filter((option) => option.code === 42 && option.value.length === 4);
  return [
    ...named('routers', 'option:router', 'routers', subnet.gateway === null ? [] : [subnet.gateway]),
    ...named('domain-name-servers', 'option:dns-server', 'domain-name-servers', subnet.dns),
    ...named('broadcast-address', '28', 'broadcast-address', [lastAddressOf(subnet.prefix)]),
    ...named(
      'ntp-servers',
      'option:ntp-server',
      'ntp-servers',
      ntp.map((option) => addressFromBytes(option.value)),
    ),
  ];
}
