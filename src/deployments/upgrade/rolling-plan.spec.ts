import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compileBundle, formatDiagnostics, loadBundle, unitOfKey, type Standing } from '../../bundles/index.js';
import { packageRoot } from '../../platform/files/index.js';
import { step, type Plan } from '../../plan/index.js';
import { BundleLibrary } from '../bundle-library.js';
import { rollingPlan, stageEnd, type RollingStage } from './rolling-plan.js';

const folder = join(packageRoot(), 'bundles');
const roles = new BundleLibrary(folder).roles;

/** All of a bundle anew, on nodes that are there. */
function upgrade(text: string, more: { batch?: number; zones?: Record<string, string> } = {}) {
  const { bundle, diagnostics } = loadBundle([{ name: 'bundle.yaml', text }], roles);
  if (bundle === null) throw new Error(formatDiagnostics(diagnostics));
  const compiled = compileBundle({ bundle, roles, options: { availableBases: [{ os: 'debian', release: '12' }] } });
  const { nodes, units, order, checks, verify } = compiled;
  const ready = nodes.map(({ key }) => step({ key: `node/${key}:ready`, kind: 'known', title: key }));
  const standing: Standing = { nodes: {}, steps: new Map(), digestKey: 'key' };
  const plan: Plan = { steps: [...ready, ...compiled.plan.steps] };
  return rollingPlan({
    ...{ plan, units, order, checks, verify: new Set(verify), standing, batch: more.batch ?? 1 },
    domainOf: (node) => more.zones?.[node] ?? `node ${node}`,
  });
}

const first = (stages: readonly RollingStage[]) => {
  const seen = new Set<string>();
  return stages.flatMap(({ units }) => {
    const names = units.map(({ unit }) => unit).filter((unit) => !seen.has(unit));
    names.forEach((name) => seen.add(name));
    return names.length === 0 ? [] : [names.join()];
  });
};

it('takes the control plane of a shipped Kubernetes before its workers, one after the other', () => {
  const text = readFileSync(join(folder, 'kubernetes-core', 'bundle.yaml'), 'utf8');
  const wide = `${text}\n---\napplications: {kubernetes-worker: {num_units: 3, to: ['1', new, new]}}\n`;
  const { plan, stages } = upgrade(wide);
  const order = first(stages);
  const at = (unit: string) => order.findIndex((names) => names.split(',').includes(unit));
  expect(at('easyrsa/0')).toBeLessThan(at('etcd/0'));
  expect(at('etcd/0')).toBeLessThan(at('kubernetes-control-plane/0'));
  expect(at('kubernetes-control-plane/0')).toBeLessThan(at('kubernetes-worker/0'));
  expect(order.filter((names) => names.includes('worker'))).toEqual([
    'kubernetes-worker/0',
    'kubernetes-worker/1',
    'kubernetes-worker/2',
  ]);
  // Every changing step of a stage waits for the end of the one before.
  const byKey = new Map(plan.steps.map((each) => [each.key, each]));
  stages.slice(1).forEach(({ units }, index) => {
    for (const { unit, steps } of units)
      for (const name of steps) expect(byKey.get(`${unit}:${name}`)?.after).toContain(stageEnd(index + 1));
  });
});

const BUNDLE = `name: ntp
machines: {"0": {}, "1": {}, "2": {}, "3": {}}
applications: {ntp: {role: os, num_units: 4, to: ["0", "1", "2", "3"]}}
`;

it('takes a zone whole before the next, so many units at once, and never two zones', () => {
  const zones = { 0: 'zone a', 1: 'zone b', 2: 'zone a', 3: 'zone a' };
  const order = (batch: number) =>
    upgrade(BUNDLE, { zones, batch }).stages.map(
      ({ domain, units }) => `${domain}: ${units.map(({ unit }) => unit).join()}`,
    );
  expect(order(1)).toEqual(['zone a: ntp/0', 'zone a: ntp/2', 'zone a: ntp/3', 'zone b: ntp/1']);
  expect(order(2)).toEqual(['zone a: ntp/0,ntp/2', 'zone a: ntp/3', 'zone b: ntp/1']);
  expect(order(9)).toEqual(['zone a: ntp/0,ntp/2,ntp/3', 'zone b: ntp/1']);
});

it('proves what was touched after each, and the whole in the end', () => {
  const { plan, stages } = upgrade(BUNDLE);
  expect(stages.map(({ checks }) => checks)).toEqual([
    ['ntp/0:health'],
    ['ntp/0:health', 'ntp/1:health'],
    ['ntp/0:health', 'ntp/2:health'],
    ['ntp/0:health', 'ntp/3:health'],
  ]);
  const whole = plan.steps.filter(({ key }) => unitOfKey(key) === 'ntp/3' && key.endsWith(':health'));
  expect(whole.map(({ after }) => after.includes(stageEnd(4)))).toEqual([true]);
});
