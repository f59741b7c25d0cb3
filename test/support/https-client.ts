import { readFileSync } from 'node:fs';
import { request } from 'node:https';
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
}

export type Send = (method: string, path: string, options?: SendOptions) => Promise<Answer>;

/** Plain requests to the API, trusting its authority. */
export function httpsClient(api: ApiApp): Send {
  const ca = readFileSync(join(api.dataDir, 'ca.pem'));
  return (method, path, options = {}) => {
    const headers = {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
      ...options.headers,
    };
    return new Promise<Answer>((resolve, reject) => {
      const sent = request(api.url + path, { method, headers, ca }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: () => JSON.parse(text) as Record<string, unknown>,
          }),
        );
      });
      sent.on('error', reject);
      sent.end(options.body);
    });
  };
}
