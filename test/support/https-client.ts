import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import type { ApiApp } from './api-app.js';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: () => Record<string, unknown>;
}

export interface SendOptions {
  token?: string;
  body?: string | Buffer;
  type?: string;
  headers?: Record<string, string>;
  /** An event stream has no end of its own: its beginning is enough. */
  leaveStream?: boolean;
}

export type Send = (method: string, path: string, options?: SendOptions) => Promise<Answer>;

/** Plain requests to the API, trusting its authority. */
export function httpsClient(api: ApiApp): Send {
  const ca = readFileSync(join(api.dataDir, 'ca.pem'));
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  return (method, path, options = {}) => {
    const headers: Record<string, string | number> = {
      ...(options.body === undefined ? {} : { 'content-length': Buffer.byteLength(options.body) }),
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
      ...options.headers,
    };
    return new Promise<Answer>((resolve, reject) => {
      const sent = request(api.url + path, { method, headers, ca, agent }, (response) => {
        let text = '';
        const { headers, statusCode: status = 0 } = response;
        const done = () => resolve({ status, headers, text, json: () => JSON.parse(text) as Record<string, unknown> });
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', done);
        if (options.leaveStream !== true || headers['content-type']?.startsWith('text/event-stream') !== true) return;
        done();
        response.destroy();
      });
      sent.on('error', reject);
      sent.end(options.body);
    });
  };
}
