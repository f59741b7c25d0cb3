import { formatDiagnostics } from '../diagnostics.js';
import { parseRole, type RoleDefinition, type RoleLibrary } from '../roles/role.js';

const SCRIPTS = { 'do.sh': '#!/bin/sh\ntrue\n' };

const EXAMPLES = [
  `role: easyrsa
summary: A certificate authority
bases: [ubuntu@24.04, debian@12]
provides: {client: tls-certificates}
steps:
  install: {run: do.sh}
  issue: {run: do.sh, after: [install], publishes: [ca]}
  remove: {run: do.sh, on: remove}
`,
  `role: etcd
summary: A key-value store
bases: [ubuntu@24.04, debian@12]
options:
  port: {type: int, default: 2379, description: Client port}
  note: {type: string, description: Anything}
  channel: {type: string, default: 1.30, description: Which}
requires: {certificates: tls-certificates}
provides: {db: etcd}
peers: {cluster: etcd-cluster}
steps:
  install: {run: do.sh, timeout: 10m, retries: 3}
  identify: {run: do.sh, after: [install], publishes: [peer_url]}
  configure: {run: do.sh, after: [identify, certificates, cluster], repeatable: true}
  bootstrap: {run: do.sh, after: [configure], leader: true, publishes: [token]}
  ready: {wait: {tcp: "\${port}"}, after: [bootstrap], timeout: 5m}
  rolling: {run: do.sh, after: [ready], serial: true}
  health: {run: do.sh, on: verify}
  remove: {run: do.sh, on: remove}
`,
  `role: logger
summary: Sends logs away
bases: [ubuntu@24.04, ubuntu@22.04, debian@12]
subordinate: true
requires: {host: juju-info}
container: {privileged: true}
steps:
  install: {run: do.sh}
`,
];

/** Three small roles that use all that the language has. */
export function exampleRoles(): RoleLibrary {
  return new Map(EXAMPLES.map((text) => roleOf(text)).map((role) => [role.name, role]));
}

function roleOf(text: string): RoleDefinition {
  const { role, diagnostics } = parseRole({ name: 'role.yaml', text }, SCRIPTS);
  if (!role) throw new Error(formatDiagnostics(diagnostics));
  return role;
}
