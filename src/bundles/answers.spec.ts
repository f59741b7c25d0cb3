import { describe, expect, it } from 'vitest';
import { compileBundle, compileVerify } from './compile.js';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';
import { parseRole, type RoleLibrary } from './roles/role.js';

const FILES = { 'do.sh': '#!/bin/sh\n' };

const AUTHORITY = `role: authority
summary: Signs what it is asked to
bases: [debian@12]
provides: {client: certificates}
steps:
  make: {run: do.sh, publishes: [ca]}
  sign: {run: do.sh, after: [make, client], answers: {client: [certificate]}}
`;

const SERVER = `role: server
summary: Asks for a certificate
bases: [debian@12]
requires: {certificates: certificates}
peers: {cluster: servers}
steps:
  request: {run: do.sh, publishes: [csr]}
  key: {run: do.sh, leader: true, secrets: {token: [cluster]}}
  configure: {run: do.sh, after: [request, key, certificates, cluster]}
  health: {run: do.sh, on: verify, after: [certificates, cluster]}
`;

function read(text: string) {
  return parseRole({ name: 'role.yaml', text }, FILES);
}

function library(): RoleLibrary {
  return new Map(
    [AUTHORITY, SERVER].map((text) => {
      const { role, diagnostics } = read(text);
      if (!role) throw new Error(formatDiagnostics(diagnostics));
      return [role.name, role];
    }),
  );
}

function input() {
  const roles = library();
  const text = `applications:
  authority: {role: authority}
  server: {role: server, num_units: 2}
relations:
  - [server:certificates, authority:client]
muster: {outputs: {token: server.token}}
`;
  const { bundle, diagnostics } = loadBundle([{ name: 'bundle.yaml', text }], roles);
  if (!bundle) throw new Error(formatDiagnostics(diagnostics));
  return { bundle, roles };
}

const stepOf = (key: string) => compileBundle(input()).plan.steps.find((step) => step.key === key);

describe('an answer', () => {
  it('comes after the question, and both without a circle', () => {
    expect(stepOf('authority/0:sign')?.after).toEqual(
      expect.arrayContaining(['authority/0:make', 'server/0:request', 'server/1:request']),
    );
    expect(stepOf('server/1:configure')?.after).toEqual(
      expect.arrayContaining(['authority/0:make', 'authority/0:sign']),
    );
    expect(compileBundle(input()).diagnostics).toEqual([]);
  });

  it('is seen by the unit that it is for, and by no other', () => {
    for (const number of [0, 1])
      expect(stepOf(`server/${number}:configure`)?.input.environment).toMatchObject({
        REL_CERTIFICATES_0_CA: { $output: { step: 'authority/0:make', name: 'ca' } },
        REL_CERTIFICATES_0_CERTIFICATE: {
          $output: { step: 'authority/0:sign', name: `certificate.server.${number}` },
        },
      });
  });

  it('is missed where the step does not give it', () => {
    expect(stepOf('authority/0:sign')?.input.publishes).toEqual(['certificate.server.0', 'certificate.server.1']);
    expect(stepOf('server/0:key')?.input.publishes).toEqual(['token']);
  });

  it('is found again where the deployment is known', () => {
    const nodes = Object.fromEntries(
      ['authority-0', 'server-0', 'server-1'].map((key) => [key, { nodeId: key, address: '10.0.0.1' }]),
    );
    const published = { 'authority/0': { 'certificate.server.1': 'mine', 'certificate.server.0': 'yours' } };
    const { plan } = compileVerify({ ...input(), known: { nodes, published } });
    const health = plan.steps.find((step) => step.key === 'server/1:health');
    expect(health?.input.environment).toMatchObject({ REL_CERTIFICATES_0_CERTIFICATE: 'mine' });
  });

  it('is given only by a step that has heard the question', () => {
    const { role, diagnostics } = read(AUTHORITY.replace('after: [make, client]', 'after: [make]'));
    expect(role).toBeNull();
    expect(formatDiagnostics(diagnostics)).toContain('step "sign" answers "client", which it does not wait for');
  });
});

describe('a secret value', () => {
  it('reaches the related script by its input file, and never by its environment', () => {
    const configure = stepOf('server/1:configure');
    expect(configure?.input.input).toMatchObject({
      relations: { cluster: { units: [{ values: { token: { $output: { step: 'server/0:key', name: 'token' } } } }] } },
    });
    expect(JSON.stringify(configure?.input.environment)).not.toContain('token');
  });

  it('goes to the endpoints that it is declared for, and to no other', () => {
    expect(JSON.stringify(stepOf('authority/0:sign')?.input)).not.toContain('token');
    const { diagnostics } = read(SERVER.replace('token: [cluster]', 'token: [clutser]'));
    expect(formatDiagnostics(diagnostics)).toContain('"clutser" is no endpoint of this role');
  });

  it('is declared to who runs the script', () => {
    expect(stepOf('server/0:key')?.input.secrets).toEqual(['token']);
    expect(stepOf('server/0:configure')?.input.secrets).toEqual([]);
  });

  it('can be an output of the bundle', () => {
    expect(compileBundle(input()).outputs).toEqual({ token: { step: 'server/0:key', name: 'token' } });
  });
});
