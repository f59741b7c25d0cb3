import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseOutputFile } from '../pipeline/node/output-file.js';

const ROLE = join(import.meta.dirname, '../../bundles/roles/easyrsa');
const DAY = 86_400;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-certificates-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs a script beside the role's files, as muster does, and gives what it published and said. */
async function run(script: string, environment: Record<string, string> = {}) {
  const output = join(folder, 'output');
  writeFileSync(output, '');
  const env = {
    PATH: process.env.PATH,
    MUSTER_OUTPUT: output,
    MUSTER_AUTHORITY_DIRECTORY: join(folder, 'authority'),
    OPT_COMMON_NAME: 'a test',
    OPT_CA_DAYS: '3650',
    OPT_MASTERS: 'kubernetes-control-plane',
    PKI: join(folder, 'pki'),
    ...environment,
  };
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: ROLE, env });
  return { said: stdout, published: parseOutputFile(readFileSync(output)).outputs };
}

const REQUEST = `set -euo pipefail; . ../shared/certificates.sh; pki=$PKI
begin_requests
request server peer /CN=etcd "$NAMES"
request admin client "$ADMIN"
end_requests`;
const TAKE = 'set -euo pipefail; . ../shared/certificates.sh; pki=$PKI; take_certificates; echo "$renewed"';

interface Wanted {
  lifetimeSeconds: number;
  renewDays?: number;
  names?: string;
  unit?: string;
  /** The authority is given the requests of the time before, as when another unit alone asks. */
  replay?: boolean;
}

let earlier = '';

/** One application of a deployment: a unit asks, the authority signs, the unit takes what it got. */
async function apply({
  lifetimeSeconds,
  renewDays = 60,
  names = 'IP:10.0.0.1',
  unit = 'etcd/0',
  replay = false,
}: Wanted) {
  const [application = '', number = ''] = unit.split('/');
  const ca = (await run('bash authority.sh')).published.ca ?? '';
  const asked = await run(REQUEST, {
    OPT_RENEW_DAYS: String(renewDays),
    NAMES: names,
    ADMIN: application === 'etcd' ? '/CN=health' : '/O=system:masters/CN=admin',
  });
  const requests = replay ? earlier : (asked.published.requests ?? '');
  earlier = requests;
  const signed = await run('bash sign.sh', {
    OPT_CERTIFICATE_SECONDS: String(lifetimeSeconds),
    REL_CLIENT_UNITS: '1',
    REL_CLIENT_0_UNIT: unit,
    REL_CLIENT_0_REQUESTS: requests,
  });
  const certificate = signed.published[`certificate.${application}.${number}`] ?? '';
  const taken = await run(TAKE, {
    OPT_RENEW_DAYS: String(renewDays),
    REL_CERTIFICATES_0_CA: ca,
    REL_CERTIFICATES_0_CERTIFICATE: certificate,
  });
  return taken.said.trim();
}

const certificate = (name: string) => new X509Certificate(readFileSync(join(folder, 'pki', `${name}.crt`)));
const key = (name: string) => readFileSync(join(folder, 'pki', `${name}.key`), 'utf8');

describe('certificates of a deployment', { timeout: 60_000 }, () => {
  it('are signed for what was asked, with keys that stay on the node', async () => {
    expect(await apply({ lifetimeSeconds: 365 * DAY, names: 'IP:10.0.0.1,DNS:localhost' })).toBe('ca.crt server admin');
    const server = certificate('server');
    expect(server.subject).toBe('CN=etcd');
    expect(server.subjectAltName).toBe('IP Address:10.0.0.1, DNS:localhost');
    expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(server.ca).toBe(false);
    expect(server.verify(certificate('ca').publicKey)).toBe(true);
    expect(certificate('admin').keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(readdirSync(join(folder, 'authority'))).toEqual(['ca.crt', 'ca.key']);
  });

  it('are left as they are while they hold long enough', async () => {
    await apply({ lifetimeSeconds: 61 * DAY });
    const before = certificate('server').serialNumber;
    expect(await apply({ lifetimeSeconds: 61 * DAY })).toBe('');
    expect(certificate('server').serialNumber).toBe(before);
  });

  it('are renewed, for the same key, when they run out within so many days', async () => {
    await apply({ lifetimeSeconds: 59 * DAY });
    const [before, ownKey] = [certificate('server'), key('server')];
    expect(await apply({ lifetimeSeconds: 365 * DAY })).toBe('server admin');
    const after = certificate('server');
    expect(after.serialNumber).not.toBe(before.serialNumber);
    expect(Date.parse(after.validTo) - Date.parse(before.validTo)).toBeGreaterThan(300 * DAY * 1000);
    expect(key('server')).toBe(ownKey);
  });

  it('are renewed when they have run out', async () => {
    await apply({ lifetimeSeconds: 1, renewDays: 0 });
    await new Promise((resolve) => setTimeout(resolve, 2100));
    expect(Date.parse(certificate('server').validTo)).toBeLessThan(Date.now());
    expect(await apply({ lifetimeSeconds: 365 * DAY, renewDays: 0 })).toBe('server admin');
    expect(Date.parse(certificate('server').validTo)).toBeGreaterThan(Date.now());
  });

  it('that are signed once more by what was asked earlier restart nobody', async () => {
    await apply({ lifetimeSeconds: 365 * DAY });
    const before = certificate('server').serialNumber;
    expect(await apply({ lifetimeSeconds: 365 * DAY, replay: true })).toBe('');
    expect(certificate('server').serialNumber).toBe(before);
    expect(await apply({ lifetimeSeconds: 365 * DAY })).toBe('');
  });

  it('are taken by a node that has lost its own, by what was asked earlier', async () => {
    await apply({ lifetimeSeconds: 365 * DAY });
    rmSync(join(folder, 'pki/server.crt'));
    rmSync(join(folder, 'pki/server.asked'));
    expect(await apply({ lifetimeSeconds: 365 * DAY, replay: true })).toBe('server');
  });

  it('are made anew for other names', async () => {
    await apply({ lifetimeSeconds: 365 * DAY });
    expect(await apply({ lifetimeSeconds: 365 * DAY, names: 'IP:10.0.0.1,IP:10.0.0.9' })).toBe('server');
    expect(certificate('server').subjectAltName).toBe('IP Address:10.0.0.1, IP Address:10.0.0.9');
  });

  it('of administrators are for the applications that may have them, and for no other', async () => {
    await apply({ lifetimeSeconds: 365 * DAY, unit: 'kubernetes-control-plane/0' });
    expect(certificate('admin').subject).toBe('O=system:masters\nCN=admin');
    rmSync(join(folder, 'pki'), { recursive: true });
    await expect(apply({ lifetimeSeconds: 365 * DAY, unit: 'kubernetes-worker/0' })).rejects.toThrow(
      'only kubernetes-control-plane may have administrators of Kubernetes',
    );
  });

  it('are not signed for a subject that a line in a name hides', async () => {
    await run('bash authority.sh');
    const { said } = await run(String.raw`printf '%s\n' '[req]' 'distinguished_name=dn' 'req_extensions=ext' '[dn]' \
      '[ext]' 'subjectAltName=@names' '[names]' 'DNS.1=a\nsubject=CN=harmless' >"$PKI.conf"
      openssl req -new -config "$PKI.conf" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
        -subj /O=system:masters/CN=thief 2>/dev/null`);
    expect(said).toContain('BEGIN CERTIFICATE REQUEST');
    const signed = run('bash sign.sh', {
      OPT_CERTIFICATE_SECONDS: '60',
      REL_CLIENT_UNITS: '1',
      REL_CLIENT_0_UNIT: 'kubernetes-worker/0',
      REL_CLIENT_0_REQUESTS: `request admin client\n${said}`,
    });
    await expect(signed).rejects.toThrow('only kubernetes-control-plane may have administrators of Kubernetes');
  });

  it('of another authority are thrown away, to be asked for again', async () => {
    await apply({ lifetimeSeconds: 365 * DAY });
    rmSync(join(folder, 'authority'), { recursive: true });
    await expect(apply({ lifetimeSeconds: 365 * DAY })).rejects.toThrow('the authority is another one');
    expect(await apply({ lifetimeSeconds: 365 * DAY })).toBe('server admin');
    expect(certificate('server').verify(certificate('ca').publicKey)).toBe(true);
  });
});
