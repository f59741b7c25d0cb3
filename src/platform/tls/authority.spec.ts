import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../clock.js';
import { CertificateAuthority } from './index.js';

const newFolder = () => mkdtempSync(join(tmpdir(), 'muster-tls-'));
const clockAt = (iso: string): Clock => ({ ...systemClock, now: () => new Date(iso) });

describe('the authority', () => {
  it('is made once, for this user alone, and known by the hash of its DER', async () => {
    const dir = newFolder();
    const [one, two] = await Promise.all([CertificateAuthority.open(dir), CertificateAuthority.open(dir)]);
    const again = await CertificateAuthority.open(dir);
    expect(one.caSha256()).toBe(two.caSha256());
    expect(again.caSha256()).toBe(one.caSha256());
    expect(statSync(join(dir, 'ca.pem')).mode & 0o777).toBe(0o600);
    const certificate = new X509Certificate(one.certificatePem);
    expect(certificate.ca).toBe(true);
    expect(createHash('sha256').update(certificate.raw).digest('hex')).toBe(one.caSha256());
    expect(one.certificatePem).not.toContain('PRIVATE');
  });

  it('is never replaced because its file is broken', async () => {
    const dir = newFolder();
    writeFileSync(join(dir, 'ca.pem'), 'half a fi');
    await expect(CertificateAuthority.open(dir)).rejects.toThrow(/does not hold a private key/);
    expect(readFileSync(join(dir, 'ca.pem'), 'utf8')).toBe('half a fi');
  });
});

describe('a server certificate', () => {
  const names = ['10.99.0.1', 'fd99::1', 'muster.lab'];

  it('is signed by the authority for exactly these names', async () => {
    const authority = await CertificateAuthority.open(newFolder());
    const { cert } = await authority.serverIdentity('agent', names);
    const certificate = new X509Certificate(cert);
    expect(certificate.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
    expect(certificate.checkIP('10.99.0.1')).toBe('10.99.0.1');
    expect(certificate.checkIP('fd99::1')).toBe('fd99::1');
    expect(certificate.checkHost('muster.lab')).toBe('muster.lab');
    expect(certificate.checkIP('10.99.0.2')).toBeUndefined();
    expect(certificate.ca).toBe(false);
  });

  it('stays while its names stay, in any order and spelling', async () => {
    const dir = newFolder();
    const authority = await CertificateAuthority.open(dir);
    const first = await authority.serverIdentity('agent', names);
    const second = await authority.serverIdentity('agent', ['muster.lab', 'fd99:0:0::1', '10.99.0.1', '10.99.0.1']);
    expect(second.cert).toBe(first.cert);
    expect(statSync(join(dir, 'agent.pem')).mode & 0o777).toBe(0o600);
  });

  it('is made anew when an address changes, near its end, and under another authority', async () => {
    const dir = newFolder();
    const authority = await CertificateAuthority.open(dir, clockAt('2026-01-01T00:00:00Z'));
    const first = await authority.serverIdentity('agent', names);
    expect((await authority.serverIdentity('agent', ['10.99.0.9'])).cert).not.toBe(first.cert);

    const second = await authority.serverIdentity('agent', names);
    const nearEnd = await CertificateAuthority.open(dir, clockAt('2027-01-15T00:00:00Z'));
    const third = await nearEnd.serverIdentity('agent', names);
    expect(third.notAfter.getTime()).toBeGreaterThan(second.notAfter.getTime());

    const other = newFolder();
    writeFileSync(join(other, 'agent.pem'), readFileSync(join(dir, 'agent.pem')));
    const stranger = await CertificateAuthority.open(other, clockAt('2027-01-15T00:00:00Z'));
    const { cert } = await stranger.serverIdentity('agent', names);
    expect(new X509Certificate(cert).verify(new X509Certificate(stranger.certificatePem).publicKey)).toBe(true);
  });

  it('serves HTTPS to a client that trusts the authority alone', async () => {
    const authority = await CertificateAuthority.open(newFolder());
    const server = createServer(await authority.serverIdentity('agent', ['127.0.0.1']), (_, res) => res.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const ask = (ca?: string) =>
      new Promise<string>((resolve) => {
        get({ host: '127.0.0.1', port, ca, agent: false }, (res) => {
          res.setEncoding('utf8').on('data', resolve);
        }).on('error', (error) => resolve(error.message));
      });
    expect(await ask(authority.certificatePem)).toBe('hello');
    expect(await ask()).toMatch(/self.signed|unable to (get|verify)/);
    await new Promise((resolve) => server.close(resolve));
  });
});
