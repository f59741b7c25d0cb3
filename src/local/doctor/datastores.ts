import { messageOf, MusterError } from '../../error.js';
import type { Settings } from '../../platform/config/index.js';
import { connectRedis, refuseEviction } from '../../platform/queue/index.js';
import { readSchemaState, withDataSource } from '../migrate.js';
import { failed, ok, type Finding } from './finding.js';

export async function checkDatabase(settings: Settings): Promise<Finding> {
  if (settings.databaseUrl === undefined) return ok('database', 'embedded; it is checked when the server starts');
  try {
    const state = await withDataSource(settings.databaseUrl, readSchemaState);
    if (state.unknown.length > 0) {
      return failed('database', 'a newer muster made its schema', 'install that version of muster again');
    }
    if (state.pending.length === 0) return ok('database', `reached; ${state.applied.length} migrations applied`);
    return failed('database', `${state.pending.length} migrations are missing`, 'muster db migrate');
  } catch (error) {
    return failed('database', `cannot be used: ${messageOf(error)}`, 'check DATABASE_URL and that the server runs');
  }
}

const REDIS_WAIT_MS = 5000;

export async function checkRedis(settings: Settings): Promise<Finding> {
  if (settings.redisUrl === undefined) return ok('redis', 'embedded; it is checked when the server starts');
  const redis = connectRedis(settings.redisUrl);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${REDIS_WAIT_MS} ms`)), REDIS_WAIT_MS);
  });
  try {
    await Promise.race([refuseEviction(redis), late]);
    return ok('redis', 'reached; it evicts nothing');
  } catch (error) {
    const fix = (error instanceof MusterError ? error.hint : undefined) ?? 'check REDIS_URL and that the server runs';
    return failed('redis', messageOf(error), fix);
  } finally {
    clearTimeout(timer);
    redis.disconnect();
  }
}
