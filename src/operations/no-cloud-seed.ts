import { stringify } from 'yaml';
import { BOOT_URL, type Seed } from '../machines/index.js';
import { joinUserData } from './user-data.js';

interface SeedWishes {
  instanceId: string;
  hostname: string;
  authorizedKeys: readonly string[];
  /** The card that the machine booted from. */
  mac: string;
  /** Good once, for saying that cloud-init has finished. */
  phoneHomeToken: string;
  /** The operator's own, beside ours. */
  userData: string | null;
}

/** The documents of cloud-init's NoCloud source for one deployed machine. */
export function noCloudSeed(wishes: SeedWishes): Seed {
  const { instanceId, hostname, mac } = wishes;
  const own = ownUserData(wishes);
  return {
    metaData: yaml11({ 'instance-id': instanceId, 'local-hostname': hostname }),
    userData: wishes.userData === null ? own : joinUserData(own, wishes.userData),
    networkConfig: yaml11({
      version: 2,
      ethernets: { boot: { match: { macaddress: mac }, dhcp4: true, 'dhcp-identifier': 'mac' } },
    }),
  };
}

function ownUserData({ hostname, authorizedKeys, phoneHomeToken }: SeedWishes): string {
  const config = {
    hostname,
    manage_etc_hosts: true,
    // Installed everywhere; another would have to be made first.
    locale: 'C.UTF-8',
    disable_root: false,
    // The host keys were made in memory and are pinned; cloud-init must not make others.
    ssh_deletekeys: false,
    ssh_genkeytypes: [],
    users: [{ name: 'root', ssh_authorized_keys: authorizedKeys }],
    phone_home: {
      url: `${BOOT_URL}/metadata/v1/${phoneHomeToken}/phone-home`,
      post: ['instance_id', 'hostname'],
      tries: 5,
    },
  };
  return `#cloud-config\n${yaml11(config)}`;
}

/**
 * cloud-init reads YAML 1.1, in which a MAC address of decimal digits alone is a number to the base of sixty
 * (yaml.org/type/int.html), and `no` is false: such texts are quoted.
 */
function yaml11(value: unknown): string {
  return stringify(value, { version: '1.1' });
}
