import { appendFileSync, mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { LeaseJournal } from './lease-journal.js';
import type { Lease } from './lease.js';

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'muster-journal-')), 'leases', 'journal');
});

function lease(n: number): Lease {
  const mac = `52:54:00:00:00:${n.toString(16).padStart(2, '0')}`;
  const who = { mac, uuid: null, clientId: null, hostname: 'näme', key: `mac:${mac}` };
  return { ...who, subnetId: 's', address: 0x0a630000 + n, state: 'active', grantedAt: n, expiresAt: n + 1, fence: 1 };
}

async function written(count: number): Promise<void> {
  const { journal } = await LeaseJournal.open(path);
  await Promise.all(Array.from({ length: count }, (_, n) => journal.append(lease(n))));
  await journal.close();
}

describe('lease journal', () => {
  it('gives back what was appended, in order', async () => {
    await written(50);
    const { journal, leases, damagedLines } = await LeaseJournal.open(path);
    expect([leases, damagedLines]).toEqual([Array.from({ length: 50 }, (_, n) => lease(n)), 0]);
    await journal.close();
  });

  it('has the lease on disk when append resolves', async () => {
    const { journal } = await LeaseJournal.open(path);
    await journal.append(lease(1));
    expect(readFileSync(path, 'utf8')).toContain('52:54:00:00:00:01');
    await journal.close();
  });

  it('cuts a torn tail off, wherever it tore, and goes on after it', async () => {
    await written(2);
    const whole = statSync(path).size;
    const content = readFileSync(path);
    for (let size = Math.floor(whole / 2) + 1; size < whole; size += 7) {
      writeFileSync(path, content);
      truncateSync(path, size);
      const first = await LeaseJournal.open(path);
      expect(first.leases).toEqual([lease(0)]);
      await first.journal.append(lease(9));
      await first.journal.close();
      const second = await LeaseJournal.open(path);
      expect([second.leases, second.damagedLines]).toEqual([[lease(0), lease(9)], 0]);
      await second.journal.close();
    }
  });

  it('skips and counts a line that the disk spoiled', async () => {
    await written(3);
    writeFileSync(path, readFileSync(path, 'latin1').replace('00:00:01"', '00:00:0f"'), 'latin1');
    const { journal, leases, damagedLines } = await LeaseJournal.open(path);
    expect([leases, damagedLines]).toEqual([[lease(0), lease(2)], 1]);
    await journal.close();
  });

  it('is empty after a tail of zeros, as a power cut leaves them', async () => {
    await written(1);
    appendFileSync(path, Buffer.alloc(100));
    const { journal, leases } = await LeaseJournal.open(path);
    expect(leases).toEqual([lease(0)]);
    await journal.close();
  });

  it('shrinks to what is handed to compact, while appends go on', async () => {
    await written(20);
    const { journal } = await LeaseJournal.open(path);
    const before = journal.append(lease(30));
    const compacted = journal.compact(() => [lease(1), lease(30), lease(31)]);
    const after = journal.append(lease(31));
    await Promise.all([before, compacted, after]);
    expect(journal.lines).toBeLessThanOrEqual(5);
    await journal.close();
    const { leases, journal: again } = await LeaseJournal.open(path);
    expect(leases).toEqual([lease(1), lease(30), lease(31), ...leases.slice(3)]);
    await again.close();
  });

  it('says what to do where the folder cannot be made', async () => {
    await expect(LeaseJournal.open('/dev/null/journal')).rejects.toThrow(/cannot open the lease journal/);
  });
});
