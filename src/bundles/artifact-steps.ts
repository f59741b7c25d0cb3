import { createHash } from 'node:crypto';
import { outputOf, step, type JsonObject, type JsonValue, type StepSpec } from '../plan/index.js';
import type { Bundle } from './bundle.js';
import type { Diagnostics } from './diagnostics.js';
import type { PlannedNode } from './place.js';
import { fillOptions, isSum, type RoleArtifact } from './roles/artifact.js';
import type { RoleDefinition, RoleLibrary } from './roles/role.js';
import { optionsOf, readyStepKey, type KnownDeployment } from './unit-steps.js';

type OptionValues = Parameters<typeof fillOptions>[1];

/** The steps that bring artifacts to the server: one for each that differs. */
export class ArtifactSteps {
  private readonly byKey = new Map<string, StepSpec>();
  private readonly architectures: ReadonlyMap<string, string | undefined>;

  constructor(
    nodes: readonly PlannedNode[],
    private readonly known: KnownDeployment['nodes'],
  ) {
    this.architectures = new Map(nodes.map(({ key, constraints }) => [key, constraints.arch]));
  }

  /** In the order in which they were first needed. */
  list(): StepSpec[] {
    return [...this.byKey.values()];
  }

  /** What a step on this node is told of the artifacts it uses, and the steps that it comes after. */
  need(
    node: string,
    artifacts: readonly RoleArtifact[],
    options: OptionValues,
  ): { entries: JsonValue[]; after: string[] } {
    const wanted = artifacts.map((artifact) => fill(artifact, options)).filter(({ url }) => url !== '');
    const keys = wanted.map((artifact) => this.fetch(node, artifact));
    return {
      entries: wanted.map(({ name }, index) => entryOf(name, keys[index] ?? '')),
      after: keys,
    };
  }

  private fetch(node: string, { name, url, sha256, sha256From, optional }: RoleArtifact): string {
    const dependsOnNode = [url, sha256From].some((text) => text.includes('${arch}'));
    const arch = dependsOnNode ? this.archOf(node) : 'any';
    const input: JsonObject = { name, url, sha256, sha256From, arch, optional };
    const key = `artifact/${name}-${createHash('sha256').update(JSON.stringify(input)).digest('hex').slice(0, 12)}:fetch`;
    if (this.byKey.has(key)) return key;
    const spec = step({
      key,
      kind: 'artifact.fetch',
      title: `fetch ${name}: ${url}`,
      input,
      after: typeof arch === 'string' ? [] : [readyStepKey(node)],
      timeoutSeconds: 7200,
      stallSeconds: 300,
      retries: 4,
    });
    this.byKey.set(key, spec);
    return key;
  }

  /** Known from the start where the bundle says it or the node stands; else the node tells. */
  private archOf(node: string): JsonValue {
    const constraint = this.architectures.get(node);
    if (constraint !== undefined) return constraint;
    const stands = Object.hasOwn(this.known, node) ? this.known[node] : undefined;
    return stands === undefined ? outputOf(readyStepKey(node), 'arch') : (stands.architecture ?? 'amd64');
  }
}

function entryOf(name: string, fetch: string): JsonObject {
  return {
    name,
    url: outputOf(fetch, 'url'),
    sha256: outputOf(fetch, 'sha256'),
    fileName: outputOf(fetch, 'fileName'),
  };
}

function fill(artifact: RoleArtifact, options: OptionValues): RoleArtifact {
  return {
    ...artifact,
    url: fillOptions(artifact.url, options),
    sha256: fillOptions(artifact.sha256, options).toLowerCase(),
    sha256From: fillOptions(artifact.sha256From, options),
  };
}

/** Tells what the values of options make of artifacts. */
export function checkArtifacts(bundle: Bundle, roles: RoleLibrary, diagnostics: Diagnostics): void {
  for (const application of bundle.applications.values()) {
    const role = roles.get(application.role.value);
    if (!role) continue;
    const options = optionsOf(bundle, application.name, role);
    const tell = (artifact: RoleArtifact, message: string, hint: string) =>
      diagnostics.error(placeOf(bundle, application.name, artifact, role), message, hint);
    for (const artifact of role.artifacts.values()) {
      const { url, sha256, sha256From } = fill(artifact, options);
      if (url === '' && !artifact.optional)
        tell(artifact, `nothing says where "${artifact.name}" is`, 'set its address');
      if (!isSum(sha256)) tell(artifact, `"${sha256}" is no SHA-256`, 'expected 64 digits of hex');
      if (url !== '' && sha256 === '' && sha256From === '')
        tell(artifact, `nothing tells the SHA-256 of "${artifact.name}"`, `set ${namesOf(artifact.sha256)}`);
    }
  }
}

const namesOf = (text: string) => text.replaceAll(/\$\{([^}]*)\}/g, '"$1"');

/** The application's own option that the artifact takes, else its name. */
function placeOf(bundle: Bundle, name: string, artifact: RoleArtifact, role: RoleDefinition) {
  const application = bundle.applications.get(name);
  const used = [...role.options.keys()].filter((option) =>
    [artifact.sha256, artifact.url].some((text) => text.includes(`\${${option}}`)),
  );
  const said = used.map((option) => application?.options.get(option)).find((option) => option !== undefined);
  const at = said?.value.at ?? application?.at;
  if (at === undefined) throw new Error(`cannot find application ${name} in its own bundle`);
  return at;
}
