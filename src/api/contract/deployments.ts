import { z } from 'zod';
import { bundleSource } from './bundle-source.js';
import { anyObject, id, name, time } from './primitives.js';
import { connection } from './machines.js';
import { route } from './route.js';
import { plannedStep, run } from './runs.js';

const needsSource = 'give `bundle` or `files`';
const hasSource = (body: { bundle?: string; files: unknown[] }) => body.bundle !== undefined || body.files.length > 0;

export const diagnostic = z
  .object({
    severity: z.enum(['error', 'warning', 'notice']),
    file: z.string().nullable(),
    line: z.number().int().nullable(),
    column: z.number().int().nullable(),
    message: z.string(),
    /** The line, a caret under the place, and a suggestion. */
    excerpt: z.string().nullable(),
  })
  .meta({ id: 'Diagnostic' });
export type Diagnostic = z.infer<typeof diagnostic>;

export const unit = z
  .object({
    name: z.string(),
    application: z.string(),
    role: z.string(),
    node: z.string(),
    address: z.string().nullable(),
    status: z.enum(['waiting', 'working', 'ready', 'failed']),
    message: z.string().nullable().describe('What it does just now, or why it failed'),
  })
  .meta({ id: 'Unit' });

export const deploymentNode = z
  .object({
    key: z.string(),
    name: z.string(),
    machineId: z.string().nullable(),
    address: z.string(),
    on: z.string().nullable().describe('Key of the node that it is a container on'),
    cloneOf: z.string().nullable().describe('Key of the node that it is a copy of; null: its bundle names it'),
  })
  .meta({ id: 'DeploymentNode' });

export const deployment = z
  .object({
    id,
    name: z.string(),
    bundle: z.string(),
    cloud: z.string(),
    status: z
      .enum(['new', 'working', 'paused', 'ready', 'failed', 'cancelled', 'removed'])
      .describe('From its latest run'),
    reason: z.string().nullable(),
    run: run.nullable().describe('The latest'),
    createdBy: z.string(),
    createdAt: time,
  })
  .meta({ id: 'Deployment' });
export type Deployment = z.infer<typeof deployment>;

export const deploymentDetail = deployment
  .extend({
    nodes: z.array(deploymentNode),
    units: z.array(unit),
    upgrade: z
      .object({
        run: id,
        action: z.string().describe('`upgrade` or `rollback`'),
        from: z.number().int().describe('The version that the deployment had before'),
        done: z.array(z.string()).describe('Units that are upgraded, and whose checks have passed'),
        underWay: z.array(z.string()).describe('Units that are upgraded in part'),
        left: z.array(z.string()).describe('Units that are untouched'),
      })
      .nullable()
      .describe('An upgrade that has not come to its end'),
    outputs: anyObject.describe('What its bundle names as its outputs; null: a secret, see `outputs.open`'),
  })
  .meta({ id: 'DeploymentDetail' });
export type DeploymentDetail = z.infer<typeof deploymentDetail>;

/** The difference between a bundle and a deployment. */
const deploymentDiff = z
  .object({
    nodes: z.array(z.object({ key: z.string(), change: z.enum(['add', 'remove']), name: z.string().nullable() })),
    units: z.array(
      z.object({
        unit: z.string(),
        change: z.enum(['add', 'remove', 'move', 'change']),
        role: z.string().nullable(),
        node: z.string().nullable().describe('Where it is afterwards'),
        from: z.string().nullable().describe('Where it was'),
        steps: z.array(
          z.object({ step: z.string(), why: z.enum(['new', 'changed', 'follows', 'again', 'due', 'verify']) }),
        ),
      }),
    ),
    options: z.array(
      z.object({
        application: z.string(),
        option: z.string(),
        before: z.string().nullable().describe('null: the default'),
        after: z.string().nullable(),
      }),
    ),
    keptBack: z.array(z.string()).describe('Steps that differ, but are done once and not done again'),
    skipped: z
      .array(z.object({ step: z.string(), why: z.string(), runs: z.boolean() }))
      .describe('Steps that a person left out; `runs`: they run now'),
    outdated: z
      .array(
        z.object({ node: z.string(), what: z.enum(['base', 'constraints']), made: z.string(), wanted: z.string() }),
      )
      .describe(
        'Nodes that stay as they were made although the bundle wants something else: `replace` makes them anew',
      ),
    unchanged: z.number().int().describe('Units with nothing to do'),
  })
  .meta({ id: 'DeploymentDiff' });
export type DeploymentDiff = z.infer<typeof deploymentDiff>;

export const planReply = z
  .object({
    deployment: z.string(),
    cloud: z.string(),
    /** For people, one line each: "deploy ubuntu@24.04 to a machine with 2 cores". */
    changes: z.array(z.string()),
    /** What will be overwritten or erased. */
    destroys: z.array(z.string()),
    steps: z.array(plannedStep).describe('Empty: there is nothing to do'),
    diff: deploymentDiff,
    diagnostics: z.array(diagnostic),
    estimate: z.object({
      seconds: z.number().int().describe('From how long such steps took here'),
      guessed: z.array(z.string()).describe('Kinds of steps that never ran here'),
    }),
    /** Given back with the order to run it, so that nothing else is run than what was shown. */
    planHash: z.string(),
  })
  .meta({ id: 'Plan' });
export type PlanReply = z.infer<typeof planReply>;

const upSource = bundleSource.extend({
  settings: z
    .array(
      z.strictObject({ application: z.string().max(200), option: z.string().max(200), value: z.string().max(65_536) }),
    )
    .max(500)
    .default([])
    .describe('Laid over the bundle and its overlays'),
  name: name.optional().describe("Default: the bundle's name"),
  on: z.string().min(1).max(64).default('metal').describe('The cloud'),
  layout: z.enum(['flat', 'lvm']).optional().describe('Disk layout of metal nodes'),
  base: z
    .string()
    .regex(/^[a-z]+@[a-z0-9.]+$/, 'name it as debian@12')
    .optional()
    .describe("Instead of the bundle's base"),
  replace: z
    .array(z.string().max(200))
    .max(1000)
    .default([])
    .describe('Keys of nodes to be made anew: what is on them leaves, they are given back, others take their place'),
});

export const deploymentsRoutes = {
  list: route({
    id: 'deployments.list',
    method: 'GET',
    path: '/v1/deployments',
    summary: 'Deployments',
    role: 'viewer',
    response: z.object({ items: z.array(deployment) }),
  }),
  show: route({
    id: 'deployments.show',
    method: 'GET',
    path: '/v1/deployments/:deployment',
    summary: 'One deployment (by name or id) with its nodes and units',
    role: 'viewer',
    response: deploymentDetail,
  }),
  plan: route({
    id: 'deployments.plan',
    method: 'POST',
    path: '/v1/plans',
    summary: 'What would be done; nothing is',
    role: 'viewer',
    body: upSource.refine(hasSource, needsSource),
    response: planReply,
  }),
  up: route({
    id: 'deployments.up',
    method: 'POST',
    path: '/v1/deployments',
    summary: 'Takes a bundle to what it says; again: applies the difference',
    role: 'operator',
    body: upSource
      .extend({ planHash: z.string().optional().describe('Refuse where the plan is not this one any more') })
      .refine(hasSource, needsSource),
    response: z.object({ deployment, run }),
    status: 202,
  }),
  down: route({
    id: 'deployments.down',
    method: 'POST',
    path: '/v1/deployments/:deployment/down',
    summary: 'Ends a deployment and gives its machines back, disks erased',
    role: 'operator',
    body: z.strictObject({
      forget: z
        .array(z.string().max(200))
        .max(1000)
        .default([])
        .describe('Nodes that cannot be reached: let go as they are, their machines broken until they are erased'),
    }),
    response: z.object({ run }),
    status: 202,
  }),
  downPlan: route({
    id: 'deployments.down-plan',
    method: 'GET',
    path: '/v1/deployments/:deployment/down',
    summary: 'What `down` would do',
    role: 'viewer',
    query: z.strictObject({ forget: z.string().max(10_000).optional().describe('Keys of nodes, by comma') }),
    response: planReply.omit({ diagnostics: true, diff: true, estimate: true, planHash: true }),
  }),
  verify: route({
    id: 'deployments.verify',
    method: 'POST',
    path: '/v1/deployments/:deployment/verify',
    summary: 'Runs the checks that prove that it works',
    role: 'operator',
    response: z.object({ run }),
    status: 202,
  }),
  openOutput: route({
    id: 'deployments.open-output',
    method: 'POST',
    path: '/v1/deployments/:deployment/outputs/:output/open',
    summary: "One of the outputs that its bundle names, opened where it is a secret: the cluster's kubeconfig",
    role: 'operator',
    response: z.object({ name: z.string(), secret: z.boolean(), value: z.unknown() }),
  }),
  machineConnection: route({
    id: 'machines.connection',
    method: 'POST',
    path: '/v1/machines/:machine/connection',
    summary: 'What SSH needs to reach it: address, pinned host keys, client key',
    role: 'operator',
    pooled: true,
    response: connection,
  }),
  connection: route({
    id: 'deployments.connection',
    method: 'POST',
    path: '/v1/deployments/:deployment/nodes/:node/connection',
    summary: 'What SSH needs to reach a node or unit (`/` in a unit as `~`): address, pinned host keys, client key',
    role: 'operator',
    response: connection,
  }),
};

export const bundleSummary = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    roles: z.array(z.string()),
    brought: z.boolean().describe('An archive brought it'),
  })
  .meta({ id: 'BundleSummary' });

const jsonSchema = (id: string, path: string, summary: string) =>
  route({ id, method: 'GET', path, summary, role: null, response: anyObject });

export const bundlesRoutes = {
  list: route({
    id: 'bundles.list',
    method: 'GET',
    path: '/v1/bundles',
    summary: 'Bundles that muster ships, and those that archives brought',
    role: 'viewer',
    response: z.object({ items: z.array(bundleSummary) }),
  }),
  show: route({
    id: 'bundles.show',
    method: 'GET',
    path: '/v1/bundles/:bundle',
    summary: 'One of them, as text',
    role: 'viewer',
    response: z.object({ name: z.string(), text: z.string() }),
  }),
  check: route({
    id: 'bundles.check',
    method: 'POST',
    path: '/v1/bundles/check',
    summary: 'All problems of a bundle at once; changes nothing',
    role: 'viewer',
    body: bundleSource.refine(hasSource, needsSource),
    response: z.object({
      ok: z.boolean(),
      diagnostics: z.array(diagnostic),
      questions: z
        .array(
          z.object({
            set: z.string().describe('application.option'),
            ask: z.string(),
            choices: z.array(z.string()),
            default: z.string().nullable(),
          }),
        )
        .describe('What the bundle wants to be asked'),
    }),
  }),
  graph: route({
    id: 'bundles.graph',
    method: 'POST',
    path: '/v1/bundles/graph',
    summary: 'The plan of a bundle as text that draws it',
    role: 'viewer',
    body: bundleSource
      .extend({
        format: z.enum(['mermaid', 'dot']).default('mermaid'),
        detail: z.enum(['units', 'steps']).default('units'),
      })
      .refine(hasSource, needsSource),
    produces: 'text/plain',
    response: z.string(),
  }),
  export: route({
    id: 'bundles.export',
    method: 'POST',
    path: '/v1/bundles/export',
    summary: 'Puts a bundle together with its roles, artifacts, images and packages; the run can then be fetched',
    role: 'operator',
    body: bundleSource
      .omit({ overlays: true })
      .extend({
        name: name.optional().describe("Default: the bundle's name"),
        bases: z
          .array(z.string().regex(/^[a-z]+@[a-z0-9.]+$/, 'name it as debian@12'))
          .max(20)
          .default([])
          .describe('Default: the first of its bases that the store has an image of'),
        architecture: z.enum(['amd64', 'arm64']).default('amd64'),
        withArtifacts: z.boolean().default(true).describe('Without: the bundle and its roles alone'),
        withImages: z.boolean().default(true),
        mirror: z
          .url({ protocol: /^https?$/ })
          .optional()
          .describe('Where packages come from'),
      })
      .refine(hasSource, needsSource),
    response: z.object({ run }).describe('The run that does it'),
    status: 202,
  }),
  archive: route({
    id: 'bundles.archive',
    method: 'GET',
    path: '/v1/bundles/archives/:run',
    summary: 'The archive that a run of `bundles.export` put together; for a day',
    role: 'operator',
    produces: 'application/octet-stream',
    response: z.string(),
  }),
  import: route({
    id: 'bundles.import',
    method: 'POST',
    path: '/v1/bundles/import',
    summary:
      'Takes in an archive that was uploaded (`images.start-upload`): bundle, roles, artifacts, images, packages',
    role: 'admin',
    body: z.strictObject({
      upload: z.string(),
      dryRun: z.boolean().default(false).describe('Checks everything and keeps nothing'),
    }),
    response: z.object({ run }).describe('The run that does it'),
    status: 202,
  }),
  delete: route({
    id: 'bundles.delete',
    method: 'DELETE',
    path: '/v1/bundles/:bundle',
    summary: 'Forgets a bundle that an archive brought, with its artifacts and packages',
    role: 'admin',
  }),
  bundleSchema: jsonSchema('bundles.bundle-schema', '/schemas/bundle.schema.json', 'The JSON Schema of bundle.yaml'),
  roleSchema: jsonSchema('bundles.role-schema', '/schemas/role.schema.json', 'The JSON Schema of role.yaml'),
};
