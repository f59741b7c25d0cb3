import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What is reachable now, in MiB: on the heap and in buffers. */
export function heldMebibytes(): number {
  setFlagsFromString('--expose_gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024 ** 2;
}
