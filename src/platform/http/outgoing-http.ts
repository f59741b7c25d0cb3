import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { messageOf } from '../../error.js';
import { systemClock, type Clock } from '../clock.js';
import { download, type DownloadOptions } from './download.js';
import { HttpError, openOutgoing, type OutgoingOptions, type OutgoingRequest } from './outgoing-request.js';

const DEFAULT_MAX_BYTES = 16 << 20;

export interface OutgoingResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Everything that this server fetches on the word of a setting, a bundle or a user goes through here. */
export class OutgoingHttp {
  constructor(
    private readonly options: OutgoingOptions = {},
    private readonly clock: Clock = systemClock,
  ) {}

  /** The whole answer, whatever its status. Throws {@link HttpError} when there is none, or it is too large. */
  async send(url: string, request: OutgoingRequest & { maxBytes?: number } = {}): Promise<OutgoingResponse> {
    const response = await openOutgoing(url, request, this.options);
    const body = await readBody(url, response, request.maxBytes ?? DEFAULT_MAX_BYTES);
    return { status: response.statusCode ?? 0, headers: response.headers, body };
  }

  /** The body of a successful GET. Throws {@link HttpError} for any status but 200. */
  async getBody(url: string, request: OutgoingRequest & { maxBytes?: number } = {}): Promise<Buffer> {
    const { status, body } = await this.send(url, request);
    if (status !== 200) throw new HttpError(`cannot fetch ${url}: the server answers ${status}`, status);
    return body;
  }

  /** Fetches a large file to `path`, going on where an earlier try stopped. See {@link download}. */
  download(url: string, path: string, options: DownloadOptions = {}): Promise<{ sha256: string; sizeBytes: number }> {
    return download(url, path, options, {
      clock: this.clock,
      open: (request) => openOutgoing(url, request, this.options),
    });
  }
}

async function readBody(url: string, response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      length += (chunk as Buffer).length;
      if (length > maxBytes) throw new HttpError(`cannot fetch ${url}: it has more than ${maxBytes} bytes`, 413);
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(`cannot fetch ${url}: ${messageOf(error)}`, null, { cause: error });
  }
  return Buffer.concat(chunks);
}
