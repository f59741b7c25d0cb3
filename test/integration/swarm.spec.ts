import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runSwarm, type SwarmReport } from '../../src/lab/index.js';

/** A real server with its own datastores in one network namespace, fifty machines in another. */
describe('fifty machines that boot at once', () => {
  const name = `muster-swarm-test-${process.pid}`;
  const dir = join(tmpdir(), name);
  let report: SwarmReport;

  beforeAll(async () => {
    const options = { machines: 50, rate: 25, wholeBootFiles: 25, json: true };
    report = await runSwarm(options, { name, dir }, () => undefined);
  }, 300_000);

  it('are all served, each once', () => {
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ machines: 50, served: 50, lost: 0, doubled: 0, bootFilesWhole: 25 });
  });

  it('are all known to the server with their facts', () => {
    expect(report).toMatchObject({ known: 50, withFacts: 50 });
  });

  it('leave a measure of time and memory', () => {
    expect(report.p50Seconds).toBeGreaterThan(0);
    expect(report.p99Seconds).toBeGreaterThanOrEqual(report.p50Seconds);
    expect(report.serverMemory.processes.map((each) => each.name)).toContain('node');
    expect(report.serverMemory.processes.map((each) => each.name)).not.toContain('postgres');
  });

  it('leave nothing else', () => {
    expect(existsSync(dir)).toBe(false);
    expect(existsSync(`/run/netns/${name}`)).toBe(false);
    expect(existsSync(`/run/netns/${name}-far`)).toBe(false);
  });
});
