import { describe, expect, it } from 'vitest';
import type { Boot } from './machine-boot.js';
import { parseStatus } from './memory-watch.js';
import { doublesAmong, percentile, tallyOf } from './tally.js';

function boot(change: Partial<Boot>): Boot {
  return {
    machine: 'swarm-0',
    durationMs: 1000,
    partsMs: { dhcp: 10 },
    address: '10.97.1.0',
    serverId: 'a',
    wholeBootFile: true,
    failure: null,
    ...change,
  };
}
const run = { rate: 100, retries: { dhcp: 0, tftp: 0, http: 0 }, totalSeconds: 1 };

describe('the tally of a swarm', () => {
  it('counts the lost, and why', () => {
    const tally = tallyOf(
      [
        boot({}),
        boot({ machine: 'swarm-1', address: null, serverId: null, failure: 'dhcp: no offer came' }),
        boot({ machine: 'swarm-2', address: '10.97.1.2', serverId: null, failure: 'session: status 500' }),
        boot({ machine: 'swarm-3', address: '10.97.1.3', serverId: null, failure: 'session: status 503' }),
      ],
      run,
    );
    expect(tally).toMatchObject({ machines: 4, served: 1, lost: 3, doubled: 0, bootFilesWhole: 1 });
    expect(tally.failures).toEqual([
      { count: 2, example: 'swarm-2: session: status 500' },
      { count: 1, example: 'swarm-1: dhcp: no offer came' },
    ]);
  });

  it('counts machines that share an address or a record', () => {
    const boots = [boot({}), boot({ serverId: 'b' }), boot({ address: '10.97.1.2', serverId: 'b' })];
    expect(tallyOf(boots, run).doubled).toBe(2);
    expect(doublesAmong(['a', null, null, 'b', 'a', 'a'])).toBe(2);
  });

  it('gives times of the served alone, in seconds', () => {
    const boots = [boot({ durationMs: 1500 }), boot({ durationMs: 90_000, address: 'x', failure: 'lost' })];
    expect(tallyOf(boots, run)).toMatchObject({ p50Seconds: 1.5, p99Seconds: 1.5 });
    expect(tallyOf(boots, run).parts.dhcp).toEqual({ p50Seconds: 0.01, p99Seconds: 0.01 });
  });
});

describe('a percentile', () => {
  it('is by nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, index) => index + 1);
    expect(percentile(values, 0.5)).toBe(100);
    expect(percentile(values, 0.99)).toBe(198);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBe(0);
  });
});

describe('memory of a process', () => {
  it('is read from its status', () => {
    expect(parseStatus('Name:\tnode\nVmPeak:\t  999 kB\nVmRSS:\t  204800 kB\n')).toEqual({
      name: 'node',
      rssMegabytes: 200,
    });
  });

  it('is none for a process without memory of its own', () => {
    expect(parseStatus('Name:\tkworker/0:1\n')).toEqual({ name: 'kworker/0:1', rssMegabytes: 0 });
  });
});
