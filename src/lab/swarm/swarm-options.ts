import { z } from 'zod';
import { MusterError } from '../../error.js';
import { MOST_MACHINES } from './simulated-machine.js';

const schema = z.object({
  machines: z.coerce.number().int().min(1).max(MOST_MACHINES).default(1000),
  rate: z.coerce.number().min(0.1).max(10_000).default(100),
  wholeBootFiles: z.coerce.number().int().min(0).optional(),
  json: z.boolean().default(false),
});
export type SwarmOptions = z.infer<typeof schema>;

/** Throws one error that names every wrong option. */
export function readSwarmOptions(given: Record<string, unknown>): SwarmOptions {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.map((issue) => ({
    at: `--${dashed(issue.path.join('.'))}`,
    message: issue.message,
  }));
  throw new MusterError('invalid', 'cannot start the swarm with these options', { details });
}

const dashed = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
