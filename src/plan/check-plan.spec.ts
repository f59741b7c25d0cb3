import { describe, expect, it } from 'vitest';
import { checkPlan, fillInOutputs, outputOf, step, type StepSpec } from './index.js';

const known = (kind: string) => kind === 'k';
const make = (key: string, after: string[] = [], more: Partial<StepSpec> = {}) =>
  step({ key, kind: 'k', title: key, after, ...more });
const problems = (...steps: StepSpec[]) => checkPlan({ steps }, known).map(({ at, message }) => `${at}: ${message}`);

describe('a plan', () => {
  it('that is a graph without cycles has no problems', () => {
    expect(problems(make('d', ['b', 'c']), make('b', ['a']), make('c', ['a']), make('a'))).toEqual([]);
  });

  it('tells all its problems at once', () => {
    expect(
      problems(
        make('a', ['nowhere', 'nowhere']),
        make('a'),
        make('b', [], { kind: 'x', timeoutSeconds: 0, retries: -1 }),
      ),
    ).toEqual([
      'a: this key is used twice',
      'a: it comes after "nowhere", which is not there',
      'a: it comes after "nowhere", which is not there',
      'a: it names a predecessor twice',
      'b: nothing handles the kind "x"',
      'b: timeoutSeconds must be a whole number above 0',
      'b: retries must be a whole number from 0',
    ]);
  });

  it('names the steps of a cycle, and not those behind it', () => {
    expect(problems(make('a', ['c']), make('b', ['a']), make('c', ['b']), make('behind', ['c']))[0]).toMatch(
      /the steps wait for each other: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)$/,
    );
    expect(problems(make('self', ['self']))).toEqual(['self: the steps wait for each other: self -> self']);
  });

  it('may refer only to outputs of steps that come before, however far', () => {
    const input = { deep: [{ value: outputOf('a', 'x') }] };
    expect(problems(make('a'), make('b', ['a']), make('c', ['b'], { input }))).toEqual([]);
    expect(problems(make('a'), make('c', [], { input }))).toEqual([
      'c: it uses "x" of "a", but does not come after it',
    ]);
    const broken = { value: { $output: { step: 1 } } };
    expect(problems(make('c', [], { input: broken }))).toEqual(['c: an output reference needs a step and a name']);
  });

  it('of ten thousand steps is checked in a moment', () => {
    const steps = Array.from({ length: 10_000 }, (_, n) => make(`s${n}`, n === 0 ? [] : [`s${n - 1}`]));
    const began = performance.now();
    expect(problems(...steps)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

it('references are filled in wherever they stand, and nothing else is touched', () => {
  const input = { a: outputOf('s', 'x'), list: [1, outputOf('s', 'y'), null], text: '$output' };
  expect(fillInOutputs(input, ({ step: from, name }) => `${from}.${name}`)).toEqual({
    a: 's.x',
    list: [1, 's.y', null],
    text: '$output',
  });
});
