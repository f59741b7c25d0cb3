import type { EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { ImagesService } from '../images/index.js';
import type { Clock } from '../platform/clock.js';
import { hostKeyFingerprint } from '../platform/remote/index.js';
import type { Cloud, LxdCloudConfig } from './cloud.entity.js';
import { BUILT_IN, type CloudRecords, type NewHost } from './cloud-records.js';
import { LxdClient } from './lxd/lxd-client.js';
import type { LxdCloud, LxdClouds } from './lxd/lxd-cloud.js';
import { LxdProvider } from './lxd/lxd.provider.js';
import { trustedServer } from './lxd/lxd-setup.js';
import { trustRemote } from './lxd/remote-lxd.js';
import type { CloudKind, CloudProvider } from './provider.js';
import type { SshClouds } from './ssh/ssh-handlers.js';
import { nameOf, type AcceptedKey, type SshHosts } from './ssh/ssh-hosts.js';
import { SshProvider } from './ssh/ssh.provider.js';

export interface CloudSummary {
  name: string;
  kind: CloudKind;
  /** For people: where it is, or how many hosts it has. */
  what: string;
}

/** One thing that a check looked at. */
export interface CloudFinding {
  ok: boolean;
  what: string;
  message: string;
}

export interface Parts {
  metal: CloudProvider;
  localhost: LxdCloud;
  records: CloudRecords;
  hosts: SshHosts;
  images: ImagesService;
  clock: Clock;
}

/** Where nodes come from, by name. */
export class Clouds implements LxdClouds, SshClouds {
  constructor(private readonly parts: Parts) {}

  async provider(name: string): Promise<CloudProvider> {
    const { metal, localhost, images, hosts } = this.parts;
    if (name === 'metal') return metal;
    if (name === 'localhost') return new LxdProvider('localhost', localhost, images);
    const cloud = await this.parts.records.get(name);
    if (cloud.kind === 'ssh') return new SshProvider(cloud, hosts);
    return new LxdProvider('lxd', this.remoteLxd(cloud), images);
  }

  async lxd(name: string): Promise<LxdCloud> {
    if (name === 'localhost') return this.parts.localhost;
    return this.remoteLxd(await this.record(name, 'lxd'));
  }

  ssh(name: string): Promise<Cloud> {
    return this.record(name, 'ssh');
  }

  async list(): Promise<CloudSummary[]> {
    const added: CloudSummary[] = [];
    for (const { id, name, kind, config } of await this.parts.records.list()) {
      const what = 'url' in config ? config.url : `${(await this.parts.hosts.list(id)).length} hosts`;
      added.push({ name, kind, what });
    }
    return [
      { name: 'metal', kind: 'metal', what: 'machines that muster boots' },
      { name: 'localhost', kind: 'localhost', what: 'containers on the computer of this server' },
      ...added,
    ];
  }

  /** A list of hosts. Nothing is asked of them before {@link check}. */
  addSsh(
    manager: EntityManager,
    wanted: { name: string; hosts: NewHost[]; key: { publicKey: string; privateKey: string }; createdBy: string },
  ): Promise<Cloud> {
    const { name, hosts, key, createdBy } = wanted;
    const config = { publicKey: key.publicKey };
    return this.parts.records.add(manager, {
      ...{ kind: 'ssh', name, hosts, config, privateKey: key.privateKey, createdBy },
    });
  }

  /** Spends the token: that LXD trusts us from here on, also where the record is not made after all. */
  async trustLxd(given: { url?: string; token: string }) {
    return trustRemote(given, this.parts.clock.now());
  }

  addLxd(
    manager: EntityManager,
    wanted: { name: string; config: LxdCloudConfig; key: string; createdBy: string },
  ): Promise<Cloud> {
    const { name, config, key: privateKey, createdBy } = wanted;
    return this.parts.records.add(manager, { kind: 'lxd', name, config, privateKey, createdBy });
  }

  async remove(manager: EntityManager, name: string): Promise<Cloud> {
    if ((BUILT_IN as readonly string[]).includes(name)) {
      throw new MusterError('conflict', `cannot remove ${name}: it is there always`);
    }
    const cloud = await this.parts.records.get(name);
    await this.parts.records.remove(manager, cloud);
    return cloud;
  }

  /** Holds a host of an `ssh` cloud to the key that it shows now; it has to be one of those that were given for it. */
  async acceptKey(name: string, place: { address: string; port: number }): Promise<AcceptedKey> {
    return this.parts.hosts.acceptKey(await this.record(name, 'ssh'), place);
  }

  /** Whether nodes could be made there now, and what stands in the way. */
  async check(name: string): Promise<CloudFinding[]> {
    if (name === 'metal') return [await this.checkMetal()];
    if (name === 'localhost') return [await this.checkLxd(this.parts.localhost)];
    const cloud = await this.parts.records.get(name);
    if (cloud.kind === 'lxd') return [await this.checkLxd(this.remoteLxd(cloud))];
    const hosts = await this.parts.hosts.check(cloud);
    return hosts.map((host) => {
      const { facts, problem, claim, shownKey } = host;
      const found = facts === null ? '' : `${facts.os}@${facts.release}, ${facts.cores} cores, ${facts.memMiB} MiB`;
      const key = shownKey === null ? '' : `, ${hostKeyFingerprint(shownKey)}`;
      const message = problem ?? `${found}${key}${claim === null ? '' : ', taken'}`;
      return { ok: problem === null, what: nameOf(host), message };
    });
  }

  private async checkMetal(): Promise<CloudFinding> {
    const bases = await this.parts.metal.bases();
    const names = [...new Set(bases.map(({ os, release }) => `${os}@${release}`))];
    const message = names.length > 0 ? `images of ${names.join(', ')}` : 'no image: muster images build debian@12';
    return { ok: names.length > 0, what: 'metal', message };
  }

  private async checkLxd(cloud: LxdCloud): Promise<CloudFinding> {
    try {
      const client = await cloud.client();
      return { ok: true, what: cloud.name, message: await trustedServer(client) };
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      const hint = error.hint === undefined ? '' : ` (${error.hint})`;
      return { ok: false, what: cloud.name, message: `${error.message}${hint}` };
    }
  }

  private async record(name: string, kind: Cloud['kind']): Promise<Cloud> {
    const cloud = await this.parts.records.get(name);
    if (cloud.kind === kind) return cloud;
    throw new MusterError('conflict', `cannot use ${name}: it is a cloud of the kind ${cloud.kind}, not ${kind}`);
  }

  private remoteLxd(cloud: Cloud): LxdCloud {
    const { url, serverCertificate, certificate, ...settings } = cloud.config as LxdCloudConfig;
    const client = () => {
      const key = this.parts.records.openKey(cloud);
      return Promise.resolve(new LxdClient({ url, serverCertificate, certificate, key }, settings.project));
    };
    return { name: cloud.name, settings, sshHost: new URL(url).hostname.replace(/^\[|\]$/g, ''), client };
  }
}
