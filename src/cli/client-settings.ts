import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CliError, EXIT } from './exit-code.js';

export interface ClientSettings {
  url: string;
  token: string | null;
  /** PEM; null: the certificates that Node trusts. */
  authority: string | null;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Where the API is and how to be let in. Token: MUSTER_TOKEN, `~/.config/muster/token`, then the one that the first
 * start of a server on this computer wrote. Authority: MUSTER_CA_FILE, then the one of a server on this computer.
 */
export function clientSettings(
  environment: Record<string, string | undefined>,
  given: { api?: string },
): ClientSettings {
  const dataDir = nonEmpty(environment.MUSTER_DATA_DIR) ?? '/var/lib/muster';
  const home = nonEmpty(environment.XDG_CONFIG_HOME) ?? join(nonEmpty(environment.HOME) ?? homedir(), '.config');
  const port = nonEmpty(environment.MUSTER_API_PORT) ?? '7443';
  const url = given.api ?? nonEmpty(environment.MUSTER_API_URL) ?? `https://localhost:${port}`;
  return {
    url: checkedUrl(url),
    token:
      nonEmpty(environment.MUSTER_TOKEN) ??
      firstReadable([join(home, 'muster', 'token'), join(dataDir, 'admin.token')])?.trim() ??
      null,
    authority: authorityOf(nonEmpty(environment.MUSTER_CA_FILE), [
      join(dataDir, 'ca.pem'),
      join(dataDir, 'tls/ca.pem'),
    ]),
  };
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new CliError(EXIT.usage, `cannot use "${text}" as the API's URL`, 'as in https://muster.example:7443');
  }
  if (url.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)) {
    throw new CliError(EXIT.usage, `cannot send a token to ${url.host} in the clear`, 'use https://');
  }
  return url.href.replace(/\/$/, '');
}

function authorityOf(file: string | undefined, usual: string[]): string | null {
  const text = file === undefined ? firstReadable(usual) : readOrRefuse(file);
  const certificates = text?.match(CERTIFICATE) ?? [];
  if (file !== undefined && certificates.length === 0) {
    throw new CliError(EXIT.usage, `cannot use ${file}: it holds no certificate`);
  }
  return certificates.length === 0 ? null : certificates.join('\n');
}

function readOrRefuse(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Files of others on this computer may be there and not ours to read: then the next one counts. */
function firstReadable(files: string[]): string | null {
  for (const file of files) {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      continue;
    }
  }
  return null;
}

const nonEmpty = (text: string | undefined) => (text === undefined || text === '' ? undefined : text);
