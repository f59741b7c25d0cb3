import { CliError, EXIT } from './exit-code.js';

export interface ServerSentEvent {
  type: string;
  data: string;
  id: string | undefined;
}

/** Reads an event stream as the HTML standard says (9.2.6, "Interpreting an event stream"). */
export async function* readEvents(source: AsyncIterable<Buffer | string>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let open: { type: string; data: string[]; id: string | undefined } = { type: 'message', data: [], id: undefined };
  for await (const chunk of withReason(source)) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (open.data.length > 0) yield { type: open.type, data: open.data.join('\n'), id: open.id };
        open = { type: 'message', data: [], id: open.id };
        continue;
      }
      const [field, value] = split(line);
      if (field === 'event') open.type = value;
      else if (field === 'data') open.data.push(value);
      else if (field === 'id' && !value.includes('\0')) open.id = value;
    }
  }
}

function split(line: string): [field: string, value: string] {
  const colon = line.indexOf(':');
  if (colon < 0) return [line, ''];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}

/** A stream that breaks off is a lost server, to be asked again. */
async function* withReason(source: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer | string> {
  try {
    yield* source;
  } catch (error) {
    throw new CliError(EXIT.unreachable, error instanceof Error ? error.message : String(error));
  }
}
