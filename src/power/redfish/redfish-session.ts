import { z } from 'zod';
import { messageOf } from '../../error.js';
import { type PowerRequest, type PowerResponse, sendRequest } from '../http-request.js';
import { PowerError } from '../power-error.js';

export interface RedfishAccess {
  /** The service's address: `https://10.0.0.9`. */
  base: URL;
  user: string;
  password: string;
  trust: NonNullable<PowerRequest['trust']>;
  allowLocal: boolean;
}

/**
 * Requests to one Redfish service (DSP0266) with HTTP basic authentication, which every service must take (section
 * 13.3.4) and which leaves no session behind to use up the few that controllers allow.
 */
export class RedfishSession {
  constructor(
    private readonly access: RedfishAccess,
    private readonly signal: AbortSignal,
  ) {}

  async get<T>(path: string, schema: z.ZodType<T>): Promise<{ value: T; etag: string | undefined }> {
    const response = await this.send('GET', path);
    let parsed: unknown;
    try {
      parsed = JSON.parse(response.body);
    } catch (thrown) {
      throw this.unreadable(path, messageOf(thrown), thrown);
    }
    const checked = schema.safeParse(parsed);
    if (!checked.success) throw this.unreadable(path, z.prettifyError(checked.error), checked.error);
    return { value: checked.data, etag: response.headers['etag'] };
  }

  async post(path: string, body: object): Promise<void> {
    await this.send('POST', path, body);
  }

  /** `etag` of the last reading: some controllers insist on If-Match. */
  async patch(path: string, body: object, etag: string | undefined): Promise<void> {
    await this.send('PATCH', path, body, etag === undefined ? {} : { 'If-Match': etag });
  }

  private async send(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<PowerResponse> {
    const { base, user, password, trust, allowLocal } = this.access;
    const url = this.resolve(path);
    const response = await sendRequest(
      {
        method,
        url,
        headers: {
          Accept: 'application/json',
          'OData-Version': '4.0',
          Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
          ...(body && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
        trust,
        allowLocal,
      },
      this.signal,
    );
    if (response.status >= 200 && response.status <= 299) return response;
    throw refusal(method, path, base.host, response);
  }

  /** Links must stay with the service: following one elsewhere would hand out the password. */
  private resolve(path: string): URL {
    const url = URL.parse(path, this.access.base.href);
    if (url?.origin !== this.access.base.origin) {
      throw new PowerError('refused', `cannot follow a link to another place: ${path.slice(0, 200)}`);
    }
    return url;
  }

  private unreadable(path: string, reason: string, cause: unknown): PowerError {
    return new PowerError('refused', `cannot read ${path} of ${this.access.base.host}: ${reason}`, { cause });
  }
}

const errorBody = z.object({ error: z.object({ message: z.string() }) });

function refusal(method: string, path: string, host: string, response: PowerResponse): PowerError {
  const said = `${method} ${path}: ${host} answers ${response.status}${reasonIn(response.body)}`;
  if (response.status === 401 || response.status === 403) {
    return new PowerError('misconfigured', `cannot ${said}`, { hint: 'check user and password of the power record' });
  }
  return new PowerError('refused', `cannot ${said}`);
}

function reasonIn(body: string): string {
  try {
    const parsed = errorBody.safeParse(JSON.parse(body));
    return parsed.success ? ` (${parsed.data.error.message.slice(0, 200)})` : '';
  } catch {
    return ''; // the status says enough
  }
}
