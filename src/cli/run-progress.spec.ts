import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { RunDetail, Step } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { RunProgress } from './run-progress.js';

const step = (key: string, title: string, more: Partial<Step> = {}) =>
  ({
    key,
    title,
    status: 'succeeded',
    attempts: 1,
    percent: null,
    note: null,
    reason: null,
    startedAt: null,
    endedAt: null,
    ...more,
  }) as Step;
const run = (steps: Step[]) =>
  ({ status: 'running', percent: 50, secondsLeft: 90, stepsDone: 1, stepsTotal: steps.length, steps }) as RunDetail;

/** What is told of a run where nobody watches a terminal. */
function told(shown: RunDetail): string[] {
  const lines: string[] = [];
  const io = { isTty: false, stderr: new PassThrough() };
  const context = {
    json: false,
    colours: false,
    io,
    tell: (line: string) => lines.push(line),
  } as unknown as CliContext;
  new RunProgress(context).show(shown);
  return lines;
}

it('says which machine, where two do the same', () => {
  const steps = [
    step('node/a:install', 'write debian@12 to its disk'),
    step('node/b:install', 'write debian@12 to its disk'),
    step('lxd/0:install', 'lxd/0: install LXD'),
  ];
  expect(told(run(steps)).slice(0, 3)).toEqual([
    '✓ write debian@12 to its disk (node/a)',
    '✓ write debian@12 to its disk (node/b)',
    '✓ lxd/0: install LXD',
  ]);
});

it('draws no bar into a log', () => {
  const working = step('node/a:install', 'write debian@12 to its disk', { status: 'running', percent: 40 });
  expect(told(run([working]))).toEqual(['50% (1/1, about 1m30s left) write debian@12 to its disk 40%']);
});
