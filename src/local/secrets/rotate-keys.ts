import type { DataSource } from 'typeorm';
import { MusterError } from '../../error.js';
import type { Clock } from '../../platform/clock.js';
import { keyIdOf, type KeyFile, newKey, SecretBox } from '../../platform/secrets/index.js';
import { type Holder, KeyRegister, type RegisteredKey } from './key-register.js';
import { countSealed, type PlaceCount, rewrapAll, searchEverywhere } from './rewrap.js';

const ONE_ROTATION_LOCK = 778304;
const LOOK_MS = 500;

export interface RotationParts {
  dataSource: DataSource;
  keyFile: KeyFile;
  clock: Clock;
  /** How long running processes may take to load a key. */
  waitMs: number;
  tell: (text: string) => void;
}

export interface RotationReport {
  /** The keys that are gone, and the one that seals now. */
  retired: string[];
  current: string;
  /** An earlier rotation was finished. */
  resumed: boolean;
  rewrapped: PlaceCount[];
}

/**
 * Changes the key-encryption key while servers run. Where a rotation was cut short, at whatever point, the next call goes
 * on with it: the key file and the table `secret_key` say how far it came.
 *
 * 1. The new key is put behind the old one in the file, until every process has it and could open what it sealed.
 * 2. It is put before the old one, until every process seals with it; then the old one is closed: the database stores
 *    nothing under it any more.
 * 3. Every value is wrapped again. Then, with nothing left under the old key, it leaves the file.
 */
export async function rotateKeys(parts: RotationParts): Promise<RotationReport> {
  const runner = parts.dataSource.createQueryRunner();
  try {
    const lock = (await runner.query('select pg_try_advisory_lock($1) as taken', [ONE_ROTATION_LOCK])) as [
      { taken: boolean },
    ];
    if (!lock[0].taken) throw new MusterError('conflict', 'cannot change the key: another change of it is at work');
    return await new Rotation(parts).run();
  } finally {
    await runner.query('select pg_advisory_unlock($1)', [ONE_ROTATION_LOCK]).catch(() => undefined);
    await runner.release();
  }
}

class Rotation {
  private readonly register: KeyRegister;
  private keys: Buffer[] = [];

  constructor(private readonly parts: RotationParts) {
    this.register = new KeyRegister(parts.dataSource);
  }

  async run(): Promise<RotationReport> {
    this.keys = await this.parts.keyFile.read();
    await this.register.registerFirst(this.keyIds);
    const registered = await this.register.list();
    const current = this.currentOf(registered);
    const isOnItsWayOut = (key: Buffer) =>
      registered.some(({ id, state }) => id === keyIdOf(key) && state !== 'current');
    const resumed = this.keys.length > 1;
    if (!this.keys.some(isOnItsWayOut)) await this.introduce(current);
    return this.finish(resumed);
  }

  private get keyIds(): string[] {
    return this.keys.map(keyIdOf);
  }

  private currentOf(registered: readonly RegisteredKey[]): string {
    const current = registered.find(({ state }) => state === 'current')?.id ?? '';
    if (this.keyIds.includes(current)) return current;
    throw new MusterError(
      'invalid',
      `cannot change the key: ${this.parts.keyFile.path} lacks key ${current}, which this database uses`,
      {
        hint: 'run this where the server runs, with its settings',
      },
    );
  }

  /** Phases 1 and 2. The key that the database does not know yet is the new one, from this call or an earlier one. */
  private async introduce(current: string): Promise<void> {
    const { tell, keyFile } = this.parts;
    const next = this.keys.find((key) => keyIdOf(key) !== current) ?? newKey();
    const old = this.keys.filter((key) => key !== next);
    const nextId = keyIdOf(next);
    if (!this.keys.includes(next)) {
      tell(`adding key ${nextId} to ${keyFile.path}`);
      this.keys = [...old, next];
      await keyFile.write(this.keys);
    }
    await this.everyProcess(`has key ${nextId}`, ({ keyIds }) => keyIds.includes(nextId));
    tell(`sealing with key ${nextId} from now on`);
    this.keys = [next, ...old];
    await keyFile.write(this.keys);
    await this.everyProcess(`seals with key ${nextId}`, ({ keyIds }) => keyIds[0] === nextId);
    tell(`closing key ${current}`);
    await this.register.makeCurrent(nextId);
  }

  /** Phase 3. */
  private async finish(resumed: boolean): Promise<RotationReport> {
    const { dataSource, keyFile, tell } = this.parts;
    const current = this.currentOf(await this.register.list());
    const sealing = this.keys.filter((key) => keyIdOf(key) === current);
    const retired = this.keyIds.filter((id) => id !== current);
    const total = sum(await countSealed(dataSource, current));
    tell(`wrapping ${total} values again`);
    const rewrapped = await rewrapAll(dataSource, new SecretBox([...sealing, ...this.keys]), (place, done) =>
      tell(`${place.what}: ${done} wrapped again`),
    );
    await this.refuseLeftovers(retired);
    await this.register.retireClosed();
    tell(`taking ${retired.length === 1 ? 'the old key' : 'the old keys'} out of ${keyFile.path}`);
    await keyFile.write(sealing);
    return { retired, current, resumed, rewrapped };
  }

  private async refuseLeftovers(keys: readonly string[]): Promise<void> {
    this.parts.tell('searching the database for what is left');
    const places = await searchEverywhere(this.parts.dataSource, keys);
    if (places.length === 0) return;
    throw new MusterError(
      'internal',
      `cannot retire the old key: something is still sealed under it in ${places.join(', ')}`,
      {
        hint: 'nothing is lost, the old key stays in the key file; this is a fault of muster, please report it',
      },
    );
  }

  /** Resolves when it is true of every process that runs. */
  private async everyProcess(does: string, isTrueOf: (holder: Holder) => boolean): Promise<void> {
    const { clock, waitMs, tell, keyFile } = this.parts;
    const deadline = clock.now().getTime() + waitMs;
    for (let told = ''; ;) {
      const holders = await this.register.holders();
      const waitingFor = holders.filter((holder) => !isTrueOf(holder)).map((holder) => holder.name);
      if (waitingFor.length === 0) {
        tell(`every running process (${holders.length}) ${does}`);
        return;
      }
      if (clock.now().getTime() > deadline) {
        throw new MusterError('unavailable', `cannot go on: not every process ${does} yet`, {
          details: waitingFor.map((name) => ({ message: name })),
          hint: `copy ${keyFile.path} to the computers that have their own copy of it, then run this again: it goes on from here`,
        });
      }
      if (waitingFor.join() !== told) tell(`waiting until each process ${does}: ${waitingFor.join('; ')}`);
      told = waitingFor.join();
      await clock.sleep(LOOK_MS);
    }
  }
}

const sum = (counts: readonly PlaceCount[]) => counts.reduce((total, { rows }) => total + rows, 0);
