import { Client } from 'pg';

export interface StepState {
  key: string;
  kind: string;
  status: string;
  executionId: string | null;
}

export interface JobState {
  id: string;
  status: string;
  steps: StepState[];
}

/** Looks at the main job from outside of the server, straight in its database, which may be away at any time. */
export class JobWatch {
  private client: Client | null = null;

  constructor(private readonly socketDir: string) {}

  /** Null while there is no job, or no database. */
  async look(): Promise<JobState | null> {
    try {
      const run = await this.query<{ id: string; status: string }>(
        "select id, status from run where exists (select 1 from step where run_id = run.id and kind = 'machine.enlist')",
      );
      const [found] = run;
      if (found === undefined) return null;
      const steps = await this.query<StepState>(
        'select key, kind, status, execution_id as "executionId" from step where run_id = $1 order by position',
        [found.id],
      );
      return { ...found, steps };
    } catch {
      await this.close();
      return null;
    }
  }

  /** Throws where the database is away. */
  async query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    const { rows } = await (await this.connected()).query<Row>(text, values);
    return rows;
  }

  async close(): Promise<void> {
    const { client } = this;
    this.client = null;
    await client?.end().catch(() => undefined);
  }

  private async connected(): Promise<Client> {
    if (this.client !== null) return this.client;
    const client = new Client({
      connectionString: `postgres://muster@localhost/muster?host=${encodeURIComponent(this.socketDir)}`,
      connectionTimeoutMillis: 3000,
    });
    // It is killed on purpose.
    client.on('error', () => (this.client = null));
    await client.connect();
    this.client = client;
    return client;
  }
}
