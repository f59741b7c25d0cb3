import { Controller, Inject, Param } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Principal } from '../../access/index.js';
import { Clouds, clientKey, nameOf, type CloudSummary } from '../../clouds/index.js';
import { hostKeyFingerprint, showHostKey } from '../../platform/remote/index.js';
import { cloudsRoutes, type BodyOf, type CloudView, type ResponseOf } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';

type NewCloud = BodyOf<typeof cloudsRoutes.add>;
const LOOK_MS = 8000;

@Controller()
export class CloudsController {
  constructor(@Inject(Clouds) private readonly clouds: Clouds) {}

  @Endpoint(cloudsRoutes.list)
  async list(): Promise<ResponseOf<typeof cloudsRoutes.list>> {
    return { items: (await this.clouds.list()).map(cloudView) };
  }

  @Endpoint(cloudsRoutes.add)
  async add(
    @GivenBody() body: NewCloud,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof cloudsRoutes.add>> {
    note.subject = `clouds/${body.name}`;
    const adding = body.kind === 'ssh' ? this.ssh(body, who.name) : await this.lxd(body, who.name);
    return note.change(async (manager) => {
      await adding.store(manager);
      const cloud = { name: body.name, kind: body.kind, what: adding.what };
      note.after = cloud;
      return { cloud, publicKey: adding.publicKey };
    });
  }

  @Endpoint(cloudsRoutes.hostKeys)
  async hostKeys(
    @GivenBody() { hosts }: BodyOf<typeof cloudsRoutes.hostKeys>,
  ): Promise<ResponseOf<typeof cloudsRoutes.hostKeys>> {
    const items = hosts.map(async (host) => ({
      ...host,
      ...(await showHostKey({ ...host, host: host.address }, LOOK_MS)),
    }));
    return { items: await Promise.all(items) };
  }

  @Endpoint(cloudsRoutes.check)
  async check(@Param('cloud') name: string): Promise<ResponseOf<typeof cloudsRoutes.check>> {
    const findings = await this.clouds.check(name);
    return { ok: findings.length > 0 && findings.every(({ ok }) => ok), findings };
  }

  @Endpoint(cloudsRoutes.acceptKey)
  async acceptKey(
    @Param('cloud') name: string,
    @GivenBody() place: BodyOf<typeof cloudsRoutes.acceptKey>,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof cloudsRoutes.acceptKey>> {
    note.subject = `clouds/${name}`;
    const { host, before, store } = await this.clouds.acceptKey(name, place);
    const fingerprint = host.shownKey === null ? '' : hostKeyFingerprint(host.shownKey);
    note.before = { ...place, fingerprint: before === null ? null : hostKeyFingerprint(before) };
    note.after = { ...place, fingerprint };
    await note.change(store);
    return { host: nameOf(host), fingerprint };
  }

  @Endpoint(cloudsRoutes.remove)
  async remove(@Param('cloud') name: string, @AuditNote() note: AuditNote): Promise<void> {
    note.subject = `clouds/${name}`;
    await note.change(async (manager) => {
      const { kind } = await this.clouds.remove(manager, name);
      note.before = { name, kind };
    });
  }

  private ssh({ name, hosts, privateKey }: Extract<NewCloud, { kind: 'ssh' }>, createdBy: string) {
    const key = clientKey(privateKey, `muster:${name}`);
    const store = (manager: EntityManager) => this.clouds.addSsh(manager, { name, hosts, key, createdBy });
    return { store, publicKey: key.publicKey, what: `${hosts.length} hosts` };
  }

  private async lxd({ name, url, token, ...rest }: Extract<NewCloud, { kind: 'lxd' }>, createdBy: string) {
    const { kind: _kind, ...settings } = rest;
    const { key, server: _server, ...place } = await this.clouds.trustLxd({ url, token });
    const config = { ...place, ...settings };
    const store = (manager: EntityManager) => this.clouds.addLxd(manager, { name, config, key, createdBy });
    return { store, publicKey: null, what: place.url };
  }
}

function cloudView({ name, kind, what }: CloudSummary): CloudView {
  return { name, kind, what };
}
