import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Boot, bootMachine } from './machine-boot.js';
import { DhcpRelay } from './dhcp-relay.js';
import { simulatedMachine } from './simulated-machine.js';
import { type Retries, type SwarmTally, tallyOf } from './tally.js';

/** What the process that simulates the machines is told. */
export const swarmOrder = z.object({
  machines: z.number().int().min(1),
  /** Machines begun per second. */
  rate: z.number().min(0.1),
  /** So many machines fetch their boot file whole; the others learn its size and go on. */
  wholeBootFiles: z.number().int().min(0),
  relayAddress: z.ipv4(),
  serverAddress: z.ipv4(),
});
export type SwarmOrder = z.infer<typeof swarmOrder>;

/** Boots them all, so many a second, and waits for the last. To be run where the relay's address is. */
export async function runMachines(order: SwarmOrder): Promise<SwarmTally> {
  const retries: Retries = { dhcp: 0, tftp: 0, http: 0 };
  const onRetry = (kind: keyof Retries) => {
    retries[kind] += 1;
  };
  const relay = await DhcpRelay.open({
    address: order.relayAddress,
    server: order.serverAddress,
    onRetry: () => onRetry('dhcp'),
  });
  const world = {
    relay,
    onRetry,
    wholeBootFile: ({ index }: { index: number }) => index < order.wholeBootFiles,
    nowMs: () => performance.now(),
  };
  const began = performance.now();
  const boots: Promise<Boot>[] = [];
  for (let index = 0; index < order.machines; index += 1) {
    // By the clock, not by pauses: a late one does not delay those after it.
    const early = (index / order.rate) * 1000 - (performance.now() - began);
    if (early > 1) await sleep(early);
    boots.push(bootMachine(simulatedMachine(index), world));
  }
  const done = await Promise.all(boots);
  relay.close();
  return tallyOf(done, { rate: order.rate, retries, totalSeconds: (performance.now() - began) / 1000 });
}
