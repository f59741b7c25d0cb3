import { MusterError } from '../../error.js';

/** Node's codes for a server that is not there (any more), and for the name of one that nobody knows just now. */
const GONE = /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;
/** SQLSTATE: class 08, connection exceptions; 57P01 to 57P03, Postgres stops, crashed or does not yet answer. */
const AWAY = /^(08...|57P0[123])$/;
/** What pg and its pool say without a code. */
const SAID = /^Connection terminated|connection error and is not queryable$|^timeout exceeded when trying to connect$/;

/**
 * True for what TypeORM throws when Postgres went away or is not there: the same is worth another try when it is back.
 * Our own errors are of others: who asks a node or a cloud says so in one of them.
 */
export function isLostConnection(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || thrown instanceof MusterError) return false;
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  // The file of a unix socket goes with its server.
  if (code === 'ENOENT') return syscall === 'connect';
  if (code !== undefined && (GONE.test(code) || AWAY.test(code))) return true;
  // The transaction's connection broke between two statements.
  return SAID.test(thrown.message) || thrown.name === 'QueryRunnerAlreadyReleasedError';
}
