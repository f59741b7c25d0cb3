import type { ClientBase } from 'pg';
import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm';

/**
 * A statement that runs often: Postgres reads and plans it once a connection, by its name, and nothing is built
 * around it. The name says it all over the program.
 */
export class Statement<Row extends object> {
  constructor(
    private readonly name: string,
    private readonly text: string,
  ) {}

  /** On a connection of the pool, or in the manager's transaction. Throws `QueryFailedError`. */
  async run(on: DataSource | EntityManager, values: readonly unknown[]): Promise<Row[]> {
    if ('queryRunner' in on && on.queryRunner !== undefined) return this.runOn(on.queryRunner, values);
    const runner = ('manager' in on ? on : on.dataSource).createQueryRunner();
    try {
      return await this.runOn(runner, values);
    } finally {
      await runner.release();
    }
  }

  /** For a statement that always gives a row. */
  async one(on: DataSource | EntityManager, values: readonly unknown[]): Promise<Row> {
    const [row] = await this.run(on, values);
    if (row === undefined) throw new Error(`cannot go on: the statement "${this.name}" gave no row`);
    return row;
  }

  private async runOn(runner: { connect(): Promise<unknown> }, values: readonly unknown[]): Promise<Row[]> {
    const client = (await runner.connect()) as ClientBase;
    try {
      const { rows } = await client.query<Row>({ name: this.name, text: this.text, values: [...values] });
      return rows;
    } catch (error) {
      throw new QueryFailedError(this.text, [...values], error as Error);
    }
  }
}
