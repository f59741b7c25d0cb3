import { lookup as systemLookup } from 'node:dns';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { messageOf } from '../error.js';
import { PowerError } from './power-error.js';

export interface PowerRequest {
  method: string;
  url: URL;
  headers?: Record<string, string>;
  body?: string;
  /** Certificates of any issuer are taken; with a fingerprint (sha256, hex) that one alone. */
  trust?: { anyIssuer: boolean; fingerprint?: string };
  /** Loopback and link-local addresses may be called. */
  allowLocal: boolean;
}

export interface PowerResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Management controllers send little; what is longer is not for us. */
const MAX_BODY_BYTES = 1024 * 1024;

const local = new BlockList();
local.addSubnet('127.0.0.0', 8, 'ipv4');
local.addSubnet('169.254.0.0', 16, 'ipv4');
local.addSubnet('0.0.0.0', 8, 'ipv4');
local.addAddress('::1', 'ipv6');
local.addAddress('::', 'ipv6');
local.addSubnet('fe80::', 10, 'ipv6');

/** One request, no redirects: an address is resolved once, checked, and connected to. Throws PowerError. */
export function sendRequest(request: PowerRequest, signal: AbortSignal): Promise<PowerResponse> {
  const { url } = request;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return Promise.reject(new PowerError('misconfigured', `cannot call ${url.protocol} addresses`));
  }
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (!request.allowLocal && isIP(literal) !== 0 && isLocal(literal)) return Promise.reject(refusedLocal(literal));
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? tlsRequest : plainRequest;
    const outgoing = send(
      url,
      {
        method: request.method,
        headers: { ...request.headers, ...(request.body && { 'Content-Length': Buffer.byteLength(request.body) }) },
        signal,
        agent: false,
        lookup: request.allowLocal ? systemLookup : checkedLookup,
        rejectUnauthorized: request.trust?.anyIssuer !== true,
      },
      (incoming) => {
        const pieces: Buffer[] = [];
        let size = 0;
        incoming.on('data', (piece: Buffer) => {
          size += piece.length;
          pieces.push(piece);
          if (size > MAX_BODY_BYTES) incoming.destroy(new Error(`the answer is longer than ${MAX_BODY_BYTES} bytes`));
        });
        incoming.on('error', (error) => reject(failed(url, error)));
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
            body: Buffer.concat(pieces).toString('utf8'),
          }),
        );
      },
    );
    const { fingerprint } = request.trust ?? {};
    if (fingerprint !== undefined) {
      outgoing.on('socket', (socket) =>
        socket.once('secureConnect', () => {
          // Nothing is sent before this: no other certificate ever sees the credentials.
          const shown = (socket as TLSSocket).getPeerCertificate().fingerprint256;
          if (normalise(shown) !== normalise(fingerprint)) outgoing.destroy(wrongCertificate(url, shown));
        }),
      );
    }
    outgoing.on('error', (error) => reject(failed(url, error)));
    outgoing.end(request.body);
  });
}

function normalise(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}

function isLocal(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return local.check(mapped, 'ipv4');
  return local.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

const checkedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      callback(error, '', 4);
      return;
    }
    const refused = addresses.find(({ address }) => isLocal(address));
    const [first] = addresses;
    if (refused !== undefined) callback(refusedLocal(refused.address), '', 4);
    else if (options.all === true) callback(null, addresses);
    else if (first !== undefined) callback(null, first.address, first.family);
    else callback(new Error(`no address for ${hostname}`), '', 4);
  });
};

function refusedLocal(address: string): PowerError {
  return new PowerError('misconfigured', `cannot call ${address}: loopback and link-local addresses are not allowed`);
}

function wrongCertificate(url: URL, shown: string): PowerError {
  return new PowerError('misconfigured', `cannot trust ${url.host}: its certificate has the fingerprint ${shown}`, {
    hint: 'if the certificate was renewed on purpose, set the new fingerprint in the power record',
  });
}

function failed(url: URL, error: Error): PowerError {
  if (error instanceof PowerError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME/.test(code)) {
    return new PowerError('misconfigured', `cannot trust ${url.host}: ${messageOf(error)}`, {
      hint: 'set fingerprint= to the sha256 of its certificate, or certificate=any on a trusted network',
      cause: error,
    });
  }
  return new PowerError('unreachable', `cannot reach ${url.host}: ${messageOf(error)}`, { cause: error });
}
