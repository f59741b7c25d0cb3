import type { DataSource } from 'typeorm';
import { messageOf } from '../error.js';
import { type DeployTarget, type MachineState, sameUuid, swapped, usableMac, usableUuid } from '../machines/index.js';
import type { Clock } from '../platform/clock.js';
import { type ChangeListener, Gathering } from '../platform/database/index.js';
import type { Logger } from '../platform/log/index.js';
import type { BootMachine, BootView } from './boot-decision.js';

interface Row {
  id: string;
  name: string;
  state: MachineState;
  uuid: string | null;
  menu: boolean;
  target: DeployTarget | null;
  installed: boolean;
  ever_deployed: boolean;
  window_until: Date | null;
  updated_at: Date;
  macs: string[];
}

const COLUMNS = `machine.id, machine.name, machine.state, machine.uuid, machine.menu, machine.target,
  machine.installed_at is not null as installed, machine.ever_deployed, machine.window_until, machine.updated_at,
  array(select mac from machine_nic where machine_id = machine.id order by mac) as macs`;

const POLL_MS = 1000;
const GATHER_MS = 50;
/** Commits become visible out of the order of their time stamps: each look goes back this far. */
const OVERLAP_MS = 10_000;
const STALE_MS = 5000;
const RELOAD_MS = 60_000;

/** All machines, in memory, as fresh as Postgres lets them be: DHCP and TFTP cannot wait for a query. */
export class MachineSnapshot {
  private machines = new Map<string, BootMachine>();
  private byMac = new Map<string, BootMachine>();
  private byUuid = new Map<string, BootMachine>();
  private readonly changed = new Set<string>();
  private freshAt = 0;
  private reloadedAt = 0;
  private newest = new Date(0);
  private timer: NodeJS.Timeout | null = null;
  private stopListening: (() => void) | null = null;
  private stopped = false;
  private readonly looks: Gathering<{ mac: string; uuid: string }, null>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly listener: ChangeListener,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.looks = new Gathering((clients) => this.lookFor(clients));
  }

  /** Resolves when the machines are known; rejects where they cannot be read at all. */
  async start(): Promise<void> {
    await this.reload();
    this.stopListening = this.listener.on('muster_machine', (id) => this.refreshSoon(id));
    this.pollSoon();
  }

  stop(): void {
    this.stopped = true;
    this.stopListening?.();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  /** From memory: never waits. */
  view(mac: string, uuidText: string | null): BootView {
    const uuid = usableUuid(uuidText);
    const byMac = this.byMac.get(usableMac(mac) ?? '') ?? null;
    const byUuid = uuid === null ? null : (this.byUuid.get(uuid) ?? null);
    const machine = byMac ?? byUuid;
    if (this.clock.now().getTime() - this.freshAt > STALE_MS) return { kind: 'stale', machine };
    if (machine === null) return { kind: 'unknown' };
    const isTwo = byMac !== null && byUuid !== null && byMac.id !== byUuid.id;
    const isOther = uuid !== null && machine.uuid !== null && !sameUuid(machine.uuid, uuid);
    return isTwo || isOther ? { kind: 'conflict', machine } : { kind: 'known', machine };
  }

  /** Looks at Postgres first, for a decision that may wait a moment; where that fails, the view says `stale`. */
  async freshView(mac: string, uuidText: string | null): Promise<BootView> {
    const uuid = usableUuid(uuidText) ?? '';
    try {
      await this.looks.ask({ mac: usableMac(mac) ?? '', uuid });
    } catch (error) {
      this.missed(error);
      const { machine } = { machine: null, ...this.view(mac, uuidText) };
      return { kind: 'stale', machine };
    }
    return this.view(mac, uuidText);
  }

  private async lookFor(clients: readonly { mac: string; uuid: string }[]): Promise<null[]> {
    await this.refresh(
      `machine.id in (select id from machine where uuid = any($1)
         union all select machine_id from machine_nic where mac = any($2))`,
      [clients.flatMap(({ uuid }) => [uuid, swapped(uuid)]), clients.map(({ mac }) => mac)],
    );
    return clients.map(() => null);
  }

  private pollSoon(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.poll()
        .catch((error: unknown) => this.missed(error))
        .finally(() => this.pollSoon());
    }, POLL_MS);
  }

  private async poll(): Promise<void> {
    if (this.clock.now().getTime() - this.reloadedAt > RELOAD_MS) return this.reload();
    const since = new Date(this.newest.getTime() - OVERLAP_MS);
    await this.refresh('machine.updated_at > $1', [since]);
    this.freshAt = this.clock.now().getTime();
  }

  private async reload(): Promise<void> {
    const rows = await this.dataSource.query<Row[]>(`select ${COLUMNS} from machine`);
    this.machines = new Map();
    this.byMac = new Map();
    this.byUuid = new Map();
    for (const row of rows) this.put(row);
    this.freshAt = this.clock.now().getTime();
    this.reloadedAt = this.freshAt;
  }

  private async refresh(condition: string, parameters: unknown[], ids: readonly string[] = []): Promise<void> {
    const rows = await this.dataSource.query<Row[]>(`select ${COLUMNS} from machine where ${condition}`, parameters);
    for (const id of ids) if (!rows.some((row) => row.id === id)) this.drop(id);
    for (const row of rows) this.put(row);
  }

  /** Changes of a moment are read together. */
  private refreshSoon(id: string): void {
    this.changed.add(id);
    if (this.changed.size > 1) return;
    setTimeout(() => {
      const ids = [...this.changed];
      this.changed.clear();
      this.refresh('machine.id = any($1)', [ids], ids).catch((error: unknown) => this.missed(error));
    }, GATHER_MS);
  }

  private put(row: Row): void {
    this.drop(row.id);
    const { id, name, state, uuid, menu, target, installed, macs } = row;
    const machine = {
      id,
      name,
      state,
      uuid,
      menu,
      target,
      installed,
      macs,
      everDeployed: row.ever_deployed,
      windowUntil: row.window_until,
    };
    this.machines.set(id, machine);
    for (const mac of macs) this.byMac.set(mac, machine);
    for (const form of uuid === null ? [] : [uuid, swapped(uuid)]) this.byUuid.set(form, machine);
    if (row.updated_at > this.newest) this.newest = row.updated_at;
  }

  private drop(id: string): void {
    const old = this.machines.get(id);
    if (old === undefined) return;
    this.machines.delete(id);
    for (const mac of old.macs) if (this.byMac.get(mac)?.id === id) this.byMac.delete(mac);
    for (const form of old.uuid === null ? [] : [old.uuid, swapped(old.uuid)])
      if (this.byUuid.get(form)?.id === id) this.byUuid.delete(form);
  }

  private missed(error: unknown): void {
    this.log.warn({ reason: messageOf(error) }, 'cannot read the machines; boot decisions fall back to the safe ones');
  }
}
