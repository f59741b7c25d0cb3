import { pino, type Logger as PinoLogger } from 'pino';

/** A structured logger: `log.info({ machine }, 'powered on')`. Fields named like secrets are masked. */
export type Logger = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'child'>;

const SECRET_FIELDS = ['password', 'secret', 'token', 'nonce', 'privateKey', 'authorization'];

export function createLogger(options: { level: string; format: 'json' | 'pretty'; name?: string }): Logger {
  return pino({
    level: options.level,
    name: options.name ?? 'muster',
    // Without it an error is told without its message.
    serializers: { error: pino.stdSerializers.err },
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[masked]' },
    ...(options.format === 'pretty' ? { transport: { target: 'pino-pretty' } } : {}),
  });
}

/** Says nothing; for tests. */
export const silentLogger: Logger = pino({ level: 'silent' });

export const LOGGER = Symbol('Logger');
