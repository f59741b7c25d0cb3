import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = readFileSync(join(import.meta.dirname, '../../bundles/roles/flannel/write-conflist'), 'utf8');

describe('what the container runtime is told of flannel', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'conflist-'));
    mkdirSync(join(dir, 'net.d'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** The script, on a file as flanneld writes it. */
  function written(subnet: string, mtu = '1450'): unknown {
    const given = `FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=${subnet}\nFLANNEL_MTU=${mtu}\nFLANNEL_IPMASQ=true\n`;
    writeFileSync(join(dir, 'subnet.env'), given);
    const script = SCRIPT.replaceAll('/run/flannel', dir).replaceAll('/etc/cni/net.d', join(dir, 'net.d'));
    execFileSync('bash', ['-c', script], { stdio: 'ignore' });
    return JSON.parse(readFileSync(join(dir, 'net.d/10-flannel.conflist'), 'utf8'));
  }

  it.each([
    ['10.1.2.1/24', '10.1.2.0/24'],
    ['10.1.37.129/25', '10.1.37.128/25'],
    ['10.1.16.1/20', '10.1.16.0/20'],
    ['250.255.255.253/30', '250.255.255.252/30'],
  ])('for the bridge address %s names the network %s, which host-local wants', (subnet, network) => {
    expect(written(subnet)).toMatchObject({
      plugins: [
        { type: 'bridge', bridge: 'cni0', mtu: 1450, ipam: { type: 'host-local', ranges: [[{ subnet: network }]] } },
        { type: 'portmap' },
      ],
    });
  });

  it.each([
    ['10.1.2.1', '1450'],
    ['10.1.2.1/24", "x": "', '1450'],
    ['10.1.2.1/24', 'big'],
  ])('is nothing where flanneld says %s and %s', (subnet, mtu) => {
    expect(() => written(subnet, mtu)).toThrow();
    expect(readdirSync(join(dir, 'net.d'))).toEqual([]);
  });
});
