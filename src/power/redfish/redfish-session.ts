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

interface Sent {
  body?: object;
  headers?: Record<string, string>;
  /** Default: the session's. */
  signal?: AbortSignal;
}

/** Controllers allow few sessions: the end of one is waited for even where its caller has gone. */
const LOGOUT_MS = 5000;

type Credentials = { kind: 'none' } | { kind: 'basic' } | { kind: 'session'; token: string; path: string };

/**
 * Requests to one Redfish service (DSP0266). Before {@link logIn} they carry no credentials; after it, a session's token
 * (section 13.3.4.3), or HTTP basic authentication, which every service must take, where it has no sessions to give.
 */
export class RedfishSession {
  private credentials: Credentials = { kind: 'none' };

  constructor(
    private readonly access: RedfishAccess,
    private readonly signal: AbortSignal,
  ) {}

  /** `sessions`: where the service root says that sessions are made; undefined: it says nothing. */
  async logIn(sessions: string | undefined): Promise<void> {
    if (sessions === undefined) {
      this.credentials = { kind: 'basic' };
      return;
    }
    const { user: UserName, password: Password, base } = this.access;
    const response = await this.request('POST', sessions, { body: { UserName, Password } });
    const token = response.headers['x-auth-token'];
    const { location } = response.headers;
    if (isRefusal(response)) throw refusal('POST', sessions, base.host, response);
    const isMade = response.status >= 200 && response.status <= 299 && token !== undefined && location !== undefined;
    // None left, or none of the kind that the specification has: one more request with the password does it.
    this.credentials = isMade ? { kind: 'session', token, path: location } : { kind: 'basic' };
  }

  /** Ends the session, if there is one. Never throws: the controller forgets it after a while. */
  async logOut(): Promise<void> {
    const { credentials } = this;
    if (credentials.kind !== 'session') return;
    await this.request('DELETE', credentials.path, { signal: AbortSignal.timeout(LOGOUT_MS) }).catch(() => undefined);
    this.credentials = { kind: 'none' };
  }

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
    await this.send('POST', path, { body });
  }

  /** `etag` of the last reading: some controllers insist on If-Match. */
  async patch(path: string, body: object, etag: string | undefined): Promise<void> {
    await this.send('PATCH', path, { body, headers: etag === undefined ? {} : { 'If-Match': etag } });
  }

  private async send(method: string, path: string, what: Sent = {}): Promise<PowerResponse> {
    let response = await this.request(method, path, what);
    if (response.status === 401 && this.credentials.kind === 'none') {
      // The service root is everybody's to read, but not with every vendor.
      this.credentials = { kind: 'basic' };
      response = await this.request(method, path, what);
    }
    if (response.status >= 200 && response.status <= 299) return response;
    throw refusal(method, path, this.access.base.host, response);
  }

  private async request(method: string, path: string, { body, headers, signal }: Sent): Promise<PowerResponse> {
    const { trust, allowLocal } = this.access;
    const url = this.resolve(path);
    return sendRequest(
      {
        method,
        url,
        headers: {
          Accept: 'application/json',
          'OData-Version': '4.0',
          ...this.authorization(),
          ...(body && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
        trust,
        allowLocal,
      },
      signal ?? this.signal,
    );
  }

  private authorization(): Record<string, string> {
    const { user, password } = this.access;
    switch (this.credentials.kind) {
      case 'none':
        return {};
      case 'basic':
        return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
      case 'session':
        return { 'X-Auth-Token': this.credentials.token };
    }
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
  if (isRefusal(response)) {
    return new PowerError('misconfigured', `cannot ${said}`, { hint: 'check user and password of the power record' });
  }
  return new PowerError('refused', `cannot ${said}`);
}

const isRefusal = ({ status }: PowerResponse) => status === 401 || status === 403;

function reasonIn(body: string): string {
  try {
    const parsed = errorBody.safeParse(JSON.parse(body));
    return parsed.success ? ` (${parsed.data.error.message.slice(0, 200)})` : '';
  } catch {
    return ''; // the status says enough
  }
}
