import { describe, expect, it } from 'vitest';
import { checkTransitions, mayGo, TRANSITIONS } from './lifecycle.js';

describe('machine lifecycle', () => {
  it('has no unknown and no unreachable state', () => {
    expect(() => checkTransitions()).not.toThrow();
  });

  it('refuses a table with a typing error or an island', () => {
    expect(() => checkTransitions({ declared: ['nwe'] })).toThrow(/unknown states nwe/);
    expect(() => checkTransitions({ declared: [], island: ['declared'] })).toThrow(/island cannot be reached/);
  });

  it('never lets a broken machine straight back to ready', () => {
    expect(mayGo('broken', 'ready', null)).toBe(false);
    expect(mayGo('broken', 'ready', 'ready')).toBe(false);
  });

  it('lets a deploying machine be tried again where it is', () => {
    expect(mayGo('deploying', 'deploying', null)).toBe(true);
  });

  it('leaves rescue and testing only to the state they were entered from', () => {
    expect(mayGo('rescue', 'deployed', 'deployed')).toBe(true);
    expect(mayGo('rescue', 'ready', 'deployed')).toBe(false);
    expect(mayGo('testing', 'ready', 'ready')).toBe(true);
  });

  it('keeps retired machines retired', () => {
    expect(TRANSITIONS.retired).toEqual([]);
  });
});
