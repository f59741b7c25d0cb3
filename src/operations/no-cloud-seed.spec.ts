import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { noCloudSeed } from './no-cloud-seed.js';
import { checkUserData } from './user-data.js';

const wishes = {
  instanceId: 'i-1',
  hostname: 'prod-0',
  authorizedKeys: ['ssh-ed25519 AAAA prod'],
  mac: '52:54:00:00:00:01',
  phoneHomeToken: 'once',
  userData: null,
};

it('names the machine, keeps its host keys and lets the deployment in', () => {
  const seed = noCloudSeed(wishes);
  expect(parse(seed.metaData)).toEqual({ 'instance-id': 'i-1', 'local-hostname': 'prod-0' });
  expect(seed.userData.startsWith('#cloud-config\n')).toBe(true);
  expect(parse(seed.userData)).toMatchObject({
    hostname: 'prod-0',
    ssh_deletekeys: false,
    users: [{ name: 'root', ssh_authorized_keys: ['ssh-ed25519 AAAA prod'] }],
    phone_home: { url: '@MUSTER_BOOT_URL@/metadata/v1/once/phone-home' },
  });
  expect(parse(seed.networkConfig)).toMatchObject({
    ethernets: { boot: { match: { macaddress: '52:54:00:00:00:01' }, dhcp4: true } },
  });
});

it('quotes what YAML 1.1, as cloud-init reads it, would take for a number or a truth', () => {
  const { networkConfig, metaData } = noCloudSeed({ ...wishes, mac: '52:54:00:57:52:02', hostname: 'no' });
  expect(networkConfig).toMatch(/macaddress: ["']52:54:00:57:52:02["']/);
  expect(metaData).toMatch(/local-hostname: ["']no["']/);
});

it('keeps hostile names inside their value', () => {
  const seed = noCloudSeed({ ...wishes, hostname: 'x\nruncmd: [reboot]' });
  expect(Object.keys(parse(seed.userData) as object)).not.toContain('runcmd');
});

it("gives the operator's own user-data beside ours, which stands where both say something", () => {
  const { userData } = noCloudSeed({ ...wishes, userData: '#!/bin/sh\ntrue\n' });
  const [head, ours, theirs, end] = userData.split('--==muster-user-data==');
  expect(head).toBe('Content-Type: multipart/mixed; boundary="==muster-user-data=="\nMIME-Version: 1.0\n\n');
  expect(decoded(ours ?? '')).toBe(noCloudSeed(wishes).userData);
  expect(theirs).toContain('Content-Type: text/x-shellscript; charset="utf-8"\n');
  expect(theirs).toContain('X-Merge-Type: list(append)+dict(no_replace,recurse_list)+str()\n');
  expect(decoded(theirs ?? '')).toBe('#!/bin/sh\ntrue\n');
  expect(end).toBe('--\n');
});

it.each(['', 'packages: [jq]', '\u001f\u008b', ' #cloud-config'])(
  'refuses user-data that cloud-init would leave aside: %j',
  (text) => expect(() => checkUserData(text)).toThrow(/cannot use this user-data/),
);

function decoded(part: string): string {
  return Buffer.from(part.slice(part.indexOf('\n\n')), 'base64').toString();
}
