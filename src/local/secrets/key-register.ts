import type { DataSource } from 'typeorm';

/** A process that said nothing for so long has ended; should it only sleep, the database takes nothing under an old key. */
const SILENT_SECONDS = 30;
/** Held, shared, by every transaction that stores a sealed value: see the migration `secret-keys`. */
const WRITERS_LOCK = 778303;

export interface Holder {
  name: string;
  /** The first seals. */
  keyIds: string[];
}

export interface RegisteredKey {
  id: string;
  state: 'current' | 'closed' | 'retired';
}

/** What the database says of keys and of the processes that have them. */
export class KeyRegister {
  constructor(private readonly dataSource: DataSource) {}

  list(): Promise<RegisteredKey[]> {
    return this.dataSource.query<RegisteredKey[]>('select id, state from secret_key order by since, id');
  }

  /** The first time: the file's first key is the current one, others in it are on their way out. */
  async registerFirst(fileKeyIds: readonly string[]): Promise<void> {
    await this.dataSource.query(
      `insert into secret_key (id, state)
       select id, case when place = 1 then 'current' else 'closed' end
       from unnest($1::text[]) with ordinality as given (id, place)
       where not exists (select from secret_key)`,
      [fileKeyIds],
    );
  }

  /** Waits for writers in flight; from then on nothing is stored under the old key. */
  async makeCurrent(next: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('select pg_advisory_xact_lock($1)', [WRITERS_LOCK]);
      await manager.query(`update secret_key set state = 'closed', since = now() where state = 'current'`);
      await manager.query(`insert into secret_key (id, state) values ($1, 'current')`, [next]);
    });
  }

  async retireClosed(): Promise<void> {
    await this.dataSource.query(`update secret_key set state = 'retired', since = now() where state = 'closed'`);
  }

  /** The processes that run now. */
  holders(): Promise<Holder[]> {
    return this.dataSource.query<Holder[]>(
      `select name, key_ids as "keyIds" from key_holder where seen_at > now() - make_interval(secs => $1) order by name`,
      [SILENT_SECONDS],
    );
  }
}
