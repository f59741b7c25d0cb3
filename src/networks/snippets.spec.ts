import { describe, expect, it } from 'vitest';
import { parseAddress, parsePrefix, parseRange } from '../protocol/ipv4/index.js';
import { bootSnippet } from './snippets.js';
import type { Subnet } from './subnet.js';

const subnet: Subnet = {
  id: '1',
  name: 'lab',
  prefix: parsePrefix('10.99.0.0/24'),
  gateway: parseAddress('10.99.0.1'),
  dns: [parseAddress('10.99.0.53')],
  mode: 'off',
  dynamicRanges: [parseRange('10.99.0.10-10.99.0.99')],
  reservedRanges: [],
  vlan: null,
  leaseSeconds: 600,
  space: null,
  unknownMachines: 'enlist',
  options: [],
};
const server = { address: '10.99.0.2', httpPort: 7480 };

describe('what another DHCP server needs', () => {
  it('dnsmasq', () => {
    expect(bootSnippet('dnsmasq', subnet, server)).toBe(
      [
        'dhcp-range=set:lab,10.99.0.10,10.99.0.99,255.255.255.0,600s',
        'dhcp-option=tag:lab,option:router,10.99.0.1',
        'dhcp-option=tag:lab,option:dns-server,10.99.0.53',
        'dhcp-option=tag:lab,28,10.99.0.255',
        'dhcp-match=set:ipxe,175',
        'dhcp-userclass=set:ipxe,iPXE',
        'dhcp-match=set:bios,option:client-arch,0',
        'dhcp-match=set:uefi-x64,option:client-arch,7',
        'dhcp-match=set:uefi-x64,option:client-arch,9',
        'dhcp-match=set:uefi-arm64,option:client-arch,11',
        'dhcp-match=set:http-x64,option:client-arch,16',
        'dhcp-match=set:http-arm64,option:client-arch,19',
        'dhcp-boot=tag:lab,tag:ipxe,http://10.99.0.2:7480/boot/ipxe/${net0/mac}',
        'dhcp-boot=tag:lab,tag:!ipxe,tag:bios,undionly.kpxe,,10.99.0.2',
        'dhcp-boot=tag:lab,tag:!ipxe,tag:uefi-x64,snponly.efi,,10.99.0.2',
        'dhcp-boot=tag:lab,tag:!ipxe,tag:uefi-arm64,grubaa64.efi,,10.99.0.2',
        'dhcp-boot=tag:lab,tag:!ipxe,tag:http-x64,http://10.99.0.2:7480/boot/files/snponly.efi,,10.99.0.2',
        'dhcp-boot=tag:lab,tag:!ipxe,tag:http-arm64,http://10.99.0.2:7480/boot/files/grubaa64.efi,,10.99.0.2',
        'dhcp-option-force=tag:lab,tag:http-x64,option:vendor-class,HTTPClient',
        'dhcp-option-force=tag:lab,tag:http-arm64,option:vendor-class,HTTPClient',
        '',
      ].join('\n'),
    );
  });

  it('ISC dhcpd', () => {
    expect(bootSnippet('isc', subnet, server)).toBe(
      [
        'option muster-architecture code 93 = unsigned integer 16;',
        'subnet 10.99.0.0 netmask 255.255.255.0 {',
        '  range 10.99.0.10 10.99.0.99;',
        '  default-lease-time 600;',
        '  max-lease-time 600;',
        '  option routers 10.99.0.1;',
        '  option domain-name-servers 10.99.0.53;',
        '  option broadcast-address 10.99.0.255;',
        '  next-server 10.99.0.2;',
        '  if exists user-class and option user-class = "iPXE" {',
        '    filename "http://10.99.0.2:7480/boot/ipxe/${net0/mac}";',
        '  } elsif option muster-architecture = 0 {',
        '    filename "undionly.kpxe";',
        '  } elsif option muster-architecture = 7 or option muster-architecture = 9 {',
        '    filename "snponly.efi";',
        '  } elsif option muster-architecture = 11 {',
        '    filename "grubaa64.efi";',
        '  } elsif option muster-architecture = 16 {',
        '    option vendor-class-identifier "HTTPClient";',
        '    filename "http://10.99.0.2:7480/boot/files/snponly.efi";',
        '  } elsif option muster-architecture = 19 {',
        '    option vendor-class-identifier "HTTPClient";',
        '    filename "http://10.99.0.2:7480/boot/files/grubaa64.efi";',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('Kea', () => {
    const { Dhcp4 } = JSON.parse(bootSnippet('kea', subnet, server)) as { Dhcp4: Record<string, unknown[]> };
    expect(Dhcp4['subnet4']).toEqual([
      {
        id: 1,
        subnet: '10.99.0.0/24',
        pools: [{ pool: '10.99.0.10 - 10.99.0.99' }],
        'valid-lifetime': 600,
        'option-data': [
          { name: 'routers', data: '10.99.0.1' },
          { name: 'domain-name-servers', data: '10.99.0.53' },
          { name: 'broadcast-address', data: '10.99.0.255' },
        ],
      },
    ]);
    expect(Dhcp4['client-classes']?.slice(0, 2)).toEqual([
      {
        name: 'muster-ipxe',
        test: 'option[77].hex == 0x69505845 or option[175].exists',
        'boot-file-name': 'http://10.99.0.2:7480/boot/ipxe/${net0/mac}',
      },
      {
        name: 'muster-bios',
        test: 'not (option[77].hex == 0x69505845 or option[175].exists) and (option[93].hex == 0x0000)',
        'next-server': '10.99.0.2',
        'boot-file-name': 'undionly.kpxe',
      },
    ]);
  });
});
