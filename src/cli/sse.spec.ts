import { describe, expect, it } from 'vitest';
import { readEvents, type ServerSentEvent } from './sse.js';

// eslint-disable-next-line @typescript-eslint/require-await -- a stream that is all there
async function* from(...chunks: (string | Buffer)[]): AsyncGenerator<string | Buffer> {
  yield* chunks;
}

async function read(...chunks: (string | Buffer)[]): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of readEvents(from(...chunks))) events.push(event);
  return events;
}

describe('an event stream', () => {
  it('gives events with type, data and id', async () => {
    expect(await read('id: 7\nevent: end\ndata: {}\n\n')).toEqual([{ id: '7', type: 'end', data: '{}' }]);
  });

  it('joins lines of data, skips comments, keeps the last id', async () => {
    expect(await read(': hello\n\nid: 1\ndata: a\ndata: b\n\ndata:c\n\n')).toEqual([
      { id: '1', type: 'message', data: 'a\nb' },
      { id: '1', type: 'message', data: 'c' },
    ]);
  });

  it('may be cut anywhere, also within a character', async () => {
    const bytes = Buffer.from('data: grün\r\n\r\ndata: x\n\n');
    for (let cut = 1; cut < bytes.length; cut++) {
      const events = await read(bytes.subarray(0, cut), bytes.subarray(cut));
      expect(events.map((event) => event.data)).toEqual(['grün', 'x']);
    }
  });

  it('gives nothing for an event that was not finished', async () => {
    expect(await read('data: half')).toEqual([]);
  });
});
