import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  beginRead,
  decodeTftp,
  DEFAULT_LIMITS,
  encodeTftp,
  stepRead,
  toNetascii,
  waitMs,
  type ReadTransfer,
  type TransferOutput,
  type TransferStep,
} from './index.js';

const asked = (options: Record<string, string | number>) =>
  new Map(Object.entries(options).map(([name, value]) => [name, String(value)]));
const ack = (block: number) => ({ kind: 'packet', packet: { kind: 'ack', block } }) as const;
const timeout = { kind: 'timeout' } as const;

/** "oack blksize=1468", "1-4": what was sent, in one line. */
function line(outputs: TransferOutput[]): string {
  return outputs
    .map((output) => {
      if (output.kind === 'blocks') return `${output.first}-${output.last}`;
      const { packet } = output;
      if (packet.kind === 'oack') return `oack ${[...packet.options].map(([k, v]) => `${k}=${v}`).join(' ')}`;
      return packet.kind;
    })
    .join(', ');
}

describe('packets', () => {
  it('reads what OVMF asks', () => {
    const bytes = Buffer.from('\0\x01snponly.efi\0octet\0tsize\x000\0BLKSIZE\x001468\0windowsize\x004\0', 'latin1');
    expect(decodeTftp(bytes).packet).toEqual({
      kind: 'read',
      name: 'snponly.efi',
      mode: 'octet',
      options: asked({ tsize: 0, blksize: 1468, windowsize: 4 }),
    });
  });

  it.each([
    { kind: 'read', name: 'a', mode: 'octet', options: asked({ blksize: 1432 }) },
    { kind: 'write', name: 'a', mode: 'netascii', options: new Map<string, string>() },
    { kind: 'data', block: 65535, data: Buffer.from('x') },
    { kind: 'ack', block: 0 },
    { kind: 'error', code: 1, message: 'no such file' },
    { kind: 'oack', options: asked({ tsize: 9 }) },
  ] as const)('reads what it writes: $kind', (packet) => {
    expect(decodeTftp(encodeTftp(packet)).packet).toEqual(packet);
  });

  it.each([
    ['nothing', ''],
    ['an unknown opcode', '\0\x09aa'],
    ['a name without its NUL', '\0\x01boot'],
    ['no mode', '\0\x01boot\0'],
    ['no name', '\0\x01\0octet\0'],
    ['a name of 256 bytes', `\0\x01${'a'.repeat(256)}\0octet\0`],
    ['an option without a value', '\0\x01a\0octet\0blksize\0'],
    ['a request of 513 bytes', `\0\x01a\0octet\0x\0${'1'.repeat(501)}\0`],
  ])('%s is a problem', (_name, text) => {
    expect(decodeTftp(Buffer.from(text, 'latin1')).problem).toBeDefined();
  });

  it('never throws', () => {
    const noise = fc.uint8Array({ maxLength: 600 });
    const opcode = fc.integer({ min: 0, max: 7 });
    fc.assert(
      fc.property(opcode, noise, (code, bytes) => {
        const { packet, problem } = decodeTftp(Buffer.concat([Buffer.from([0, code]), bytes]));
        expect((packet === undefined) !== (problem === undefined)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('turns line ends for netascii', () => {
    expect(toNetascii(Buffer.from('a\nb\rc')).toString()).toBe('a\r\nb\r\0c');
  });
});

describe('options', () => {
  it.each([
    ['none: RFC 1350', {}, ''],
    ['iPXE', { blksize: 1432, tsize: 0 }, 'blksize=1432 tsize=100000'],
    ['OVMF', { tsize: 0, blksize: 1468, windowsize: 4 }, 'blksize=1468 tsize=100000 windowsize=4'],
    ['more than an Ethernet frame', { blksize: 65464 }, 'blksize=1468'],
    ['a window without end', { windowsize: 65535 }, 'windowsize=64'],
    ['out of bounds', { blksize: 7, windowsize: 0, timeout: 256, tsize: -1 }, ''],
    ['no numbers', { blksize: '1e3', windowsize: ' 4' }, ''],
    ['unknown', { multicast: '' }, ''],
    ['a slow link', { timeout: 5 }, 'timeout=5'],
    ['to be held for half an hour by one packet', { timeout: 255 }, ''],
  ])('%s', (_name, options, answer) => {
    const { send } = beginRead(asked(options), 100_000);
    expect(line(send)).toBe(answer === '' ? '1-1' : `oack ${answer}`);
  });
});

describe('a read', () => {
  function play(step: TransferStep, ...events: Parameters<typeof stepRead>[1][]): [string, ReadTransfer] {
    const lines: string[] = [];
    let { transfer } = step;
    for (const event of events) {
      const next = stepRead(transfer, event);
      transfer = next.transfer;
      lines.push(line(next.send));
    }
    return [lines.join(' | '), transfer];
  }

  it('goes block by block without options, and ends with a short one', () => {
    const [lines, transfer] = play(beginRead(asked({}), 1000), ack(1), ack(2));
    expect([lines, transfer.phase]).toEqual(['2-2 | ', 'done']);
  });

  it('ends with an empty block where the size is a multiple of the block', () => {
    expect(beginRead(asked({}), 1024).transfer.blocks).toBe(3);
    expect(beginRead(asked({}), 0).transfer.blocks).toBe(1);
  });

  it('goes by windows', () => {
    const begin = beginRead(asked({ blksize: 1000, windowsize: 4 }), 9500);
    const [lines, transfer] = play(begin, ack(0), ack(4), ack(8), ack(10));
    expect([lines, transfer.phase]).toEqual(['1-4 | 5-8 | 9-10 | ', 'done']);
  });

  it('sends again from where a window broke', () => {
    const begin = beginRead(asked({ windowsize: 4 }), 100_000);
    const [lines, transfer] = play(begin, ack(0), ack(2), ack(6));
    expect([lines, transfer.repeated]).toEqual(['1-4 | 3-6 | 7-10', 2]);
  });

  it('answers the loss of a window’s first block once', () => {
    const begin = beginRead(asked({ windowsize: 4 }), 100_000);
    expect(play(begin, ack(0), ack(0), ack(0), ack(4))[0]).toBe('1-4 | 1-4 |  | 5-8');
  });

  it('never answers a repeated ACK of a single block (Sorcerer’s Apprentice)', () => {
    expect(play(beginRead(asked({}), 100_000), ack(1), ack(1), ack(0), ack(2))[0]).toBe('2-2 |  |  | 3-3');
  });

  it('ignores the ACK of a block never sent', () => {
    expect(play(beginRead(asked({}), 100_000), ack(7), ack(40_000))[0]).toBe(' | ');
  });

  it('ends when OVMF only wanted the size', () => {
    const begin = beginRead(asked({ tsize: 0 }), 100_000);
    const error = { kind: 'packet', packet: { kind: 'error', code: 8, message: 'User aborted the transfer' } } as const;
    const [lines, transfer] = play(begin, error);
    expect([lines, transfer.phase]).toEqual(['', 'aborted']);
    expect(transfer.reason).toBe('the client sent error 8: User aborted the transfer');
  });

  it('sends again after a time-out, ever slower, and gives up', () => {
    let { transfer } = beginRead(asked({ windowsize: 2 }), 100_000);
    const waits: number[] = [];
    const sent: string[] = [];
    while (transfer.phase !== 'aborted') {
      waits.push(waitMs(transfer));
      const step = stepRead(transfer, timeout);
      transfer = step.transfer;
      sent.push(line(step.send));
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 8000, 8000]);
    expect(sent).toEqual([...Array<string>(6).fill('oack windowsize=2'), '']);
    expect(transfer.reason).toMatch(/no answer to the options after 7 tries/);
  });

  it('refuses a write in the middle', () => {
    const begin = beginRead(asked({}), 100_000);
    const data = { kind: 'packet', packet: { kind: 'data', block: 1, data: Buffer.alloc(0) } } as const;
    expect(play(begin, data)[0]).toBe('error');
  });
});

describe('a receiver over a bad network', () => {
  /** A receiver as RFC 7440 has it; `lost` decides the fate of each packet. Gives the blocks in the order they were kept. */
  function receive(sizeBytes: number, options: Record<string, number>, lost: () => boolean): number[] {
    let step = beginRead(asked(options), sizeBytes, { ...DEFAULT_LIMITS, maximumBlockSizeBytes: 65464 });
    const kept: number[] = [];
    for (let turns = 0; step.transfer.phase === 'data' || step.transfer.phase === 'options'; turns++) {
      expect(turns).toBeLessThan(1_000_000);
      const answer = answerTo(step, kept, lost);
      step = stepRead(step.transfer, answer === null || lost() ? timeout : ack(answer & 0xffff));
    }
    return kept;
  }

  function answerTo(step: TransferStep, kept: number[], lost: () => boolean): number | null {
    let heard = false;
    for (const output of step.send) {
      if (output.kind === 'packet') return lost() ? null : 0;
      for (let block = output.first; block <= output.last; block++) {
        if (lost()) continue;
        heard = true;
        if (block === kept.length + 1) kept.push(block);
      }
    }
    return heard ? kept.length : null;
  }

  it('gets every block once and in order', () => {
    const cases = fc.record({
      sizeBytes: fc.nat(40_000),
      windowsize: fc.integer({ min: 1, max: 64 }),
      // Lehmer's generator stands still at its modulus, 2^31 - 1: then every packet would be lost.
      seed: fc.integer({ min: 1, max: 0x7ffffffe }),
    });
    fc.assert(
      fc.property(cases, ({ sizeBytes, windowsize, seed }) => {
        let random = seed;
        const lost = () => (random = (random * 48271) % 0x7fffffff) % 100 < 5;
        const kept = receive(sizeBytes, { windowsize, blksize: 512 }, lost);
        const blocks = Math.floor(sizeBytes / 512) + 1;
        // The receiver may have it all and the sender give up waiting for the last ACK, as over any network.
        expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => n + 1));
        expect(kept.length).toBe(blocks);
      }),
    );
  });

  it('wraps the block number', () => {
    expect(receive(512 * 140_000, { windowsize: 16, blksize: 512 }, () => false)).toHaveLength(140_001);
    expect(receive(8 * 70_000, { blksize: 8 }, () => false)).toHaveLength(70_001);
  });
});
