import { z } from 'zod';
import { MISSED_POLICIES, OVERLAP_POLICIES, SCHEDULE_ACTIONS } from './schedules.js';

const text = z.union([z.string(), z.number(), z.boolean()], { error: 'text' });
const count = z.int({ error: 'a whole number of 0 or more' }).min(0, { error: 'a whole number of 0 or more' });
const flag = z.boolean({ error: 'true or false' });
const anything = z.unknown();
const texts = z.array(text, { error: 'a list' });
const map = <T extends z.ZodType>(values: T) => z.record(z.string(), values, { error: 'a map' });
const object = <T extends z.core.$ZodLooseShape>(shape: T) =>
  z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : 'a map') });
const oneOrMore = z.union([text, texts], { error: 'text, or a list of it' });

const application = object({
  role: text.optional().describe("The role's name in the role library"),
  charm: text.optional().describe("Juju's word for role"),
  channel: text.optional(),
  revision: count.optional(),
  series: text.optional(),
  base: text.optional().describe('An operating system, such as debian@12'),
  resources: map(anything).nullish(),
  num_units: count.optional().describe('How many units; as many as `to` has entries, or 1, where it is not said'),
  scale: count.optional(),
  to: oneOrMore.nullish().describe('Placements: 0, lxd:0, new, app, app/0, lxd:app/0'),
  constraints: text.nullish(),
  options: map(anything).nullish(),
  annotations: map(anything).nullish(),
  storage: map(text).nullish(),
  devices: map(anything).nullish(),
  bindings: map(text).nullish(),
  expose: flag.optional(),
  'exposed-endpoints': map(anything).nullish(),
  offers: map(anything).nullish(),
  trust: flag.optional(),
  plan: text.optional(),
});

const machine = object({
  constraints: text.nullish(),
  annotations: map(anything).nullish(),
  series: text.optional(),
  base: text.optional(),
});

const question = object({
  set: text.describe('The option to set: application.option'),
  ask: text,
  choices: texts.optional(),
  default: text.optional(),
});

const duration = z
  .string({ error: 'a time such as 90s, 10m or 2h' })
  .regex(/^\d{1,5}[smh]$/, { error: 'a time such as 90s, 10m or 2h' });

const schedule = object({
  cron: text.describe('Five fields: minute, hour, day of month, month, day of week'),
  tz: text.optional().describe('Time zone: Europe/London; UTC where it is not said'),
  action: z.enum(SCHEDULE_ACTIONS, { error: `one of ${SCHEDULE_ACTIONS.join(', ')}` }),
  overlap: z
    .enum(OVERLAP_POLICIES, { error: `one of ${OVERLAP_POLICIES.join(', ')}` })
    .optional()
    .describe('Where another run is still on'),
  missed: z
    .enum(MISSED_POLICIES, { error: `one of ${MISSED_POLICIES.join(', ')}` })
    .optional()
    .describe('For times that went by while no server was there'),
  'start-within': duration.optional().describe('It may still begin this long after its time; 5m where it is not said'),
  longest: duration.optional().describe('It is cancelled when it has taken this long'),
  'stop-after': z
    .int({ error: 'a whole number above 0' })
    .min(1, { error: 'a whole number above 0' })
    .optional()
    .describe('Failures in a row after which it is paused'),
  canary: text.optional().describe('The deployment to which it is done first; where that ends badly, it ends there'),
});

const muster = object({
  bases: texts.optional().describe('Tried in order: the first that every role supports and the cloud can give'),
  clouds: texts.optional(),
  questions: z.array(question, { error: 'a list' }).optional(),
  network: object({ fan: object({ overlay: text.optional(), underlay: text.optional() }).optional() }).optional(),
  verify: texts.optional().describe('The verify steps to run, as step or application:step; all of them by default'),
  outputs: map(text).optional().describe('name: application.key'),
  schedules: map(schedule).optional().describe('What is done to the deployment by itself, and when'),
});

const endpoints = z.array(z.union([text, texts]), { error: 'a pair of endpoints' }).length(2, {
  error: 'a pair of endpoints',
});

/** The shape of a bundle: Juju's grammar, and `muster`. What it means is checked by validate.ts. */
export const bundleSchema = object({
  name: text.optional(),
  description: text.optional(),
  docs: text.optional(),
  issues: oneOrMore.optional(),
  source: oneOrMore.optional(),
  website: oneOrMore.optional(),
  tags: texts.optional(),
  variables: anything.optional().describe('A place for YAML anchors'),
  series: text.optional(),
  'default-base': text.optional(),
  applications: map(application).nullish(),
  services: map(application).nullish(),
  machines: map(machine.nullable()).nullish(),
  relations: z.array(endpoints, { error: 'a list of pairs' }).nullish(),
  saas: map(anything).nullish(),
  type: text.optional(),
  muster: muster.optional(),
}).describe('A bundle: applications, how many units, where, and how they relate');

const optionTypes = ['string', 'int', 'float', 'boolean'] as const;

const option = object({
  type: z.enum(optionTypes, { error: `one of ${optionTypes.join(', ')}` }),
  default: z.union([z.string(), z.number(), z.boolean()], { error: 'text, a number, true or false' }).optional(),
  description: text,
  choices: texts.optional(),
  from: text.optional().describe("The bundle's own setting that is the default: network.fan.overlay"),
  secret: flag.optional().describe('A password or key: no diff shows it, and an exported bundle leaves it out'),
});

const occasions = ['apply', 'verify', 'remove'] as const;

const artifact = object({
  url: text.describe('https, or http where the sha256 is given; ${option} and ${arch} are replaced'),
  sha256: text.optional().describe('64 digits of hex, or ${option}; where that is empty, sha256-from tells it'),
  'sha256-from': text.optional().describe('A file that tells the sum; it is read once, and the sum kept'),
  optional: flag.optional().describe('Steps can do without it: ARTIFACT_<NAME> is empty where it cannot be had'),
});

const packageEntry = object({
  name: text,
  bases: texts.optional().describe('The bases on which it is asked for; all of the role, where it does not say'),
  when: map(oneOrMore).optional().describe('option: the value, or values, with which it is asked for'),
  on: z
    .enum(['apply', 'remove'], { error: 'one of apply, remove' })
    .optional()
    .describe('remove: asked for when the role is taken away, to bring back what it replaced'),
  masked: texts
    .optional()
    .describe('Units of systemd that the role masks before it installs the package; in an image they are masked, too'),
});

const roleStep = object({
  title: text.optional(),
  run: text.optional().describe("A script in the role's folder"),
  wait: object({ tcp: text }).optional().describe('Wait until the unit answers at this port'),
  check: text.optional().describe('A script that exits 0 where the step is already done'),
  after: texts.optional().describe("The role's own steps, or its endpoints: all related units have published"),
  on: z.enum(occasions, { error: `one of ${occasions.join(', ')}` }).optional(),
  publishes: texts.optional().describe('The values that the step writes to $MUSTER_OUTPUT'),
  secrets: map(texts)
    .optional()
    .describe('The secret values that it writes, and the endpoints whose units see each, in $MUSTER_INPUT alone'),
  answers: map(texts)
    .optional()
    .describe(
      'endpoint: values, one for each related unit, as <value>.<application>.<number>; seen by that unit alone',
    ),
  artifacts: texts.optional().describe('The artifacts that its node has before it starts: ARTIFACT_<NAME> is the path'),
  timeout: duration.optional(),
  stall: duration.optional(),
  retries: count.optional(),
  repeatable: flag.optional(),
  destructive: flag.optional(),
  leader: flag.optional().describe('On unit 0 alone'),
  serial: flag.optional().describe('One unit at a time'),
  batch: count.optional(),
  reboot: flag.optional().describe('The step reboots its node'),
  outside: flag
    .optional()
    .describe('on: remove: it says goodbye to something outside of the deployment, also where its node is thrown away'),
  every: z
    .string({ error: 'a time such as 12h or 30d' })
    .regex(/^\d{1,5}[mhd]$/, { error: 'a time such as 12h or 30d' })
    .optional()
    .describe('Older than that, it is due: an apply runs it again although nothing changed'),
});

const param = object({
  type: z.enum(optionTypes, { error: `one of ${optionTypes.join(', ')}` }),
  default: z.union([z.string(), z.number(), z.boolean()], { error: 'text, a number, true or false' }).optional(),
  description: text,
  choices: texts.optional(),
  required: flag.optional().describe('It has to be said'),
  secret: flag.optional().describe('A password or key: it is sealed, and no run, log or audit shows it'),
});

const roleAction = object({
  summary: text,
  run: text.describe("A script in the role's folder"),
  params: map(param).optional().describe('PARAM_<NAME> in the script'),
  after: texts.optional().describe('Endpoints: the script sees what their units have published'),
  publishes: texts.optional().describe('The values that it has to write to $MUSTER_OUTPUT; it may write others'),
  secrets: texts.optional().describe('The secret values that it has to write'),
  timeout: duration.optional(),
  leader: flag.optional().describe('On unit 0 alone'),
  serial: flag.optional().describe('One unit after the other, none after one that failed'),
  destructive: flag.optional().describe('The command asks before it'),
  repeatable: flag.optional().describe('It may be run again where a cut leaves open whether it was done'),
});

/** The shape of `role.yaml`. */
export const roleSchema = object({
  role: text,
  summary: text,
  description: text.optional(),
  bases: texts,
  subordinate: flag.optional(),
  rides: texts
    .optional()
    .describe('The endpoints by which a subordinate rides on units and sees only its own; all, where it does not say'),
  options: map(option).optional(),
  requires: map(text).optional().describe('endpoint: interface'),
  provides: map(text).optional().describe('endpoint: interface'),
  peers: map(text).optional().describe('endpoint: interface, between the units of one application'),
  container: object({
    nesting: flag.optional().describe('Containers are made within it'),
    privileged: flag.optional().describe("It needs the host's devices, cgroups and kernel settings"),
  })
    .optional()
    .describe('What its node has to allow where that is a system container'),
  files: texts.optional().describe("Files of the role's folder that every step finds beside its script"),
  artifacts: map(artifact).optional().describe('Files to fetch'),
  packages: z
    .array(z.union([text, packageEntry], { error: 'the name of a package, or a map' }), { error: 'a list' })
    .optional()
    .describe("Every package of the distribution that the role's scripts ask apt for; offline there are no others"),
  steps: map(roleStep).optional(),
  actions: map(roleAction).optional().describe('What is done on request: muster action UNIT ACTION'),
}).describe('A role: what it takes to run an application');

export type RoleYaml = z.infer<typeof roleSchema>;

/** JSON Schemas for editors (`# yaml-language-server: $schema=`). */
export function bundleJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(bundleSchema, { target: 'draft-7', io: 'input' });
}

export function roleJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(roleSchema, { target: 'draft-7', io: 'input' });
}
