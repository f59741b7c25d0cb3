import type { MachineState } from '../machines/index.js';
import type { JsonObject, StepSpec } from '../plan/index.js';
import type { DeployWishes } from './deploy-wishes.js';
import { BOOTING, machineSteps, type OperationPlace } from './machine-step.js';

const HELD: readonly MachineState[] = ['acquired', 'deploying', 'deployed'];
const MEASURED: readonly MachineState[] = ['ready', ...HELD];
const RESTING: readonly MachineState[] = ['declared', 'new', 'ready', 'deployed', 'broken', 'retired'];

/** A quick look at memory and disks: enough to find what is dead, not what is dying. */
const QUICK_TESTS = { memoryMegabytes: 64 };

export interface CommissionOptions {
  /** Also one that was commissioned before, or is broken. */
  again: boolean;
  tests: boolean;
  /** Switch it off at the end, where nothing follows. */
  powerOff: boolean;
}

/** Boots a machine into memory and takes its facts. For one that was never seen, it is enlisted first. */
export function commissionSteps(place: OperationPlace, { again, tests, powerOff }: CommissionOptions): StepSpec[] {
  const passed = again ? [] : MEASURED;
  const order = (name: string, title: string, kind: string, parameters: JsonObject, timeoutSeconds: number) => ({
    ...{ name, title, kind: 'machine.order', when: ['commissioning'] as const, passed },
    input: { order: kind, parameters, timeoutSeconds, purpose: 'commission' },
    bounds: BOOTING,
  });
  return machineSteps(place, [
    {
      ...{ name: 'enlist', kind: 'machine.enlist', title: 'boot it once, so that it is seen and accepted' },
      when: ['declared', 'new'],
      passed: ['commissioning', 'broken', ...MEASURED],
      bounds: BOOTING,
    },
    {
      ...{ name: 'commission', kind: 'machine.transition', title: 'begin to commission it' },
      when: again ? ['new', 'ready', 'broken'] : ['new'],
      passed,
      input: { to: 'commissioning', message: 'commissioning' },
    },
    order('facts', 'take its facts', 'facts', {}, 600),
    ...(tests
      ? [
          order('test-memory', 'test its memory', 'test-memory', { megabytes: QUICK_TESTS.memoryMegabytes }, 1800),
          order('test-disk', 'test its disks', 'test-disk', { path: null }, 1800),
        ]
      : []),
    {
      ...{ name: 'commissioned', kind: 'machine.transition', title: 'record that it is ready' },
      when: ['commissioning'],
      passed,
      input: { to: 'ready', message: 'commissioned' },
    },
    ...(powerOff ? [powerOffStep] : []),
  ]);
}

const powerOffStep = {
  ...{ name: 'power-off', kind: 'machine.power-off', title: 'switch it off' },
  when: ['ready', 'new'],
  passed: RESTING,
  bounds: { timeoutSeconds: 300 },
} as const;

export interface AcquireOptions {
  claim: string;
  deploymentId: string | null;
  owner: string;
  constraint: JsonObject;
}

/**
 * Takes a ready machine, puts a system on its disk (or into its memory) and waits until it answers SSH with the host
 * keys made during the install. The step `<prefix>:boot` publishes `address` and `hostKeys`.
 */
export function deploySteps(place: OperationPlace, acquire: AcquireOptions, deploy: DeployWishes): StepSpec[] {
  const what = `${deploy.os}@${deploy.release}`;
  const input = { deploy: deploy as unknown as JsonObject };
  const toDisk = deploy.target === 'disk';
  return machineSteps(place, [
    {
      ...{ name: 'acquire', kind: 'machine.acquire', title: 'acquire it' },
      when: ['ready'],
      passed: HELD,
      input: { ...acquire },
    },
    {
      ...{ name: 'deploy', kind: 'machine.deploy-begin', title: `begin to deploy ${what}` },
      ...{ when: ['acquired'], passed: ['deploying', 'deployed'], input },
    },
    {
      ...{
        name: 'install',
        kind: 'machine.install',
        title: toDisk ? `write ${what} to its disk` : `take ${what} into memory`,
      },
      ...{ when: ['deploying'], passed: ['deployed'], input },
      bounds: { timeoutSeconds: 5400, stallSeconds: 1200, retries: 2, destructive: toDisk },
    },
    {
      ...{ name: 'boot', kind: 'machine.await-ssh', title: `start ${what} and reach it by SSH` },
      ...{ when: ['deploying'], passed: ['deployed'] },
      bounds: { ...BOOTING, retries: 1, stallSeconds: 1500 },
    },
    {
      ...{ name: 'deployed', kind: 'machine.transition', title: 'record that it is deployed' },
      ...{ when: ['deploying'], passed: ['deployed'], input: { to: 'deployed', message: `deployed ${what}` } },
    },
  ]);
}

/** Gives a machine back: erased, ready, switched off. */
export function releaseSteps(place: OperationPlace, erase: 'quick' | 'secure' | 'full'): StepSpec[] {
  const passed: readonly MachineState[] = ['ready', 'new', 'declared', 'retired'];
  return machineSteps(place, [
    { name: 'release', kind: 'machine.release', title: 'begin to give it back', when: [], passed: [] },
    {
      ...{ name: 'erase', kind: 'machine.order', title: `erase its disks (${erase})`, when: ['erasing'], passed },
      input: { order: 'erase', parameters: { mode: erase }, timeoutSeconds: 86_400, purpose: 'erase' },
      bounds: { ...BOOTING, timeoutSeconds: 90_000, destructive: true },
    },
    { name: 'released', kind: 'machine.released', title: 'record that it is ready', when: ['erasing'], passed },
    powerOffStep,
  ]);
}

/** Lets a machine go that cannot be reached: nothing is asked of it, and it is broken until its disks were erased. */
export function abandonSteps(place: OperationPlace): StepSpec[] {
  return machineSteps(place, [
    { name: 'abandon', kind: 'machine.abandon', title: 'let it go without reaching it', when: [], passed: [] },
  ]);
}

/** Boots a machine into memory with an SSH server, its disks untouched. `<prefix>:shell` publishes `hostKeys`. */
export function rescueSteps(place: OperationPlace, authorizedKeys: string[]): StepSpec[] {
  return machineSteps(place, [
    {
      ...{ name: 'rescue', kind: 'machine.transition', title: 'begin the rescue', passed: [] },
      when: ['new', 'ready', 'deployed', 'broken'],
      input: { to: 'rescue', message: 'rescue' },
    },
    {
      ...{ name: 'shell', kind: 'machine.order', title: 'start an SSH server in memory', when: ['rescue'], passed: [] },
      input: { order: 'rescue', parameters: { authorizedKeys }, timeoutSeconds: 600, purpose: 'rescue' },
      bounds: BOOTING,
    },
  ]);
}

/** Back from rescue to the state before; the machine restarts into whatever it then is to boot. */
export function exitRescueSteps(place: OperationPlace): StepSpec[] {
  return machineSteps(place, [
    {
      ...{ name: 'exit-rescue', kind: 'machine.transition', title: 'end the rescue', when: ['rescue'], passed: [] },
      input: { to: 'previous', message: 'rescue ended' },
    },
    {
      ...{ name: 'restart', kind: 'machine.restart', title: 'restart it, or switch it off where nothing is on it' },
      ...{ when: RESTING, passed: [], bounds: { timeoutSeconds: 300 } },
    },
  ]);
}

export type HardwareTest = 'memory' | 'disk';

/** Tests of all its memory, and of its disks; a machine goes back to where it was. */
export function testSteps(place: OperationPlace, tests: readonly HardwareTest[]): StepSpec[] {
  const order = (name: string, title: string, parameters: JsonObject) => ({
    ...{ name, title, kind: 'machine.order', when: ['testing'] as const, passed: [] },
    input: { order: name, parameters, timeoutSeconds: 14_400, purpose: 'test' },
    bounds: { ...BOOTING, timeoutSeconds: 16_000, retries: 0 },
  });
  return machineSteps(place, [
    {
      ...{ name: 'test', kind: 'machine.transition', title: 'begin the test', when: ['ready', 'deployed'], passed: [] },
      input: { to: 'testing', message: 'testing' },
    },
    ...(tests.includes('memory') ? [order('test-memory', 'test its memory', { megabytes: null })] : []),
    ...(tests.includes('disk') ? [order('test-disk', 'test its disks', { path: null })] : []),
    {
      ...{ name: 'tested', kind: 'machine.transition', title: 'end the test', when: ['testing'], passed: [] },
      input: { to: 'previous', message: 'tested' },
    },
    {
      ...{ name: 'restart', kind: 'machine.restart', title: 'restart it, or switch it off where nothing is on it' },
      ...{ when: RESTING, passed: [], bounds: { timeoutSeconds: 300 } },
    },
  ]);
}
