import { randomUUID } from 'node:crypto';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { messageOf, MusterError } from '../error.js';
import type { Logger } from '../platform/log/index.js';
import type { KeyFile, SecretBox } from '../platform/secrets/index.js';
import { KeyHolder } from './key-holder.entity.js';
import { SecretKey } from './secret-key.entity.js';

/** How often the key file is looked at: a change of keys waits for every process. */
const LOOK_MS = 1000;
const REPORT_EVERY_LOOKS = 5;

/** Keeps this process's keys as the key file has them, and tells the others, by a row, which those are. */
export class KeyKeeper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly id = randomUUID();
  private timer: NodeJS.Timeout | null = null;
  private looks = 0;
  private problem = '';
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly dataSource: DataSource,
    private readonly box: SecretBox,
    private readonly file: KeyFile,
    private readonly name: string,
    private readonly log: Logger,
  ) {}

  /** Throws where this key file cannot be the one that the database was last used with. */
  async onApplicationBootstrap(): Promise<void> {
    const current = await this.dataSource.manager.findOneBy(SecretKey, { state: 'current' });
    if (current !== null && !this.box.keyIds.includes(current.id)) {
      throw new MusterError(
        'invalid',
        `cannot start: the database's secrets are under key ${current.id}, which is not in ${this.file.path}`,
        {
          hint: 'copy the key file from a server of this installation, or restore the one that belongs to this database',
        },
      );
    }
    await this.report();
    this.timer = setInterval(() => {
      this.looking = this.looking.then(() => this.look());
    }, LOOK_MS);
    this.timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.looking;
    await this.dataSource.manager.delete(KeyHolder, { id: this.id }).catch((error: unknown) => {
      this.log.debug({ reason: messageOf(error) }, 'the row of this process stays until it is old');
    });
  }

  /** Never throws: without the file the keys in memory do, without Postgres nobody changes keys. */
  private async look(): Promise<void> {
    try {
      const isChanged = await this.reload();
      this.looks += 1;
      if (isChanged || this.looks % REPORT_EVERY_LOOKS === 0) await this.report();
      this.problem = '';
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.problem) this.log.warn({ reason: problem }, 'cannot look after the keys; trying again');
      this.problem = problem;
    }
  }

  private async reload(): Promise<boolean> {
    const before = this.box.keyIds.join();
    this.box.useKeys(await this.file.read());
    if (this.box.keyIds.join() === before) return false;
    this.log.info({ keys: this.box.keyIds }, 'the key file was changed');
    return true;
  }

  private async report(): Promise<void> {
    // The database's clock: who reads the row asks the same one.
    await this.dataSource.query(
      `insert into key_holder (id, name, key_ids) values ($1, $2, $3)
       on conflict (id) do update set key_ids = excluded.key_ids, seen_at = now()`,
      [this.id, this.name, this.box.keyIds],
    );
    await this.dataSource.query(`delete from key_holder where seen_at < now() - interval '1 day'`);
  }
}
