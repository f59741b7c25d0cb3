import { NotFoundException } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { MusterError } from '../error.js';
import { problemOf } from './problem.filter.js';

describe('a problem', () => {
  it('says what was wrong, where, and what to do', () => {
    const error = new MusterError('conflict', 'cannot deploy n1: it is new', {
      hint: 'commission it first',
      details: [{ at: 'state', message: 'new' }],
    });
    expect(problemOf(error, '/v1/x')).toEqual({
      type: 'urn:muster:problem:conflict',
      title: 'Not in the present state',
      status: 409,
      detail: 'cannot deploy n1: it is new',
      instance: '/v1/x',
      hint: 'commission it first',
      details: [{ at: 'state', message: 'new' }],
    });
  });

  it('gives nothing away of a fault within', () => {
    for (const fault of [
      new TypeError('secret of a stack'),
      new MusterError('internal', 'secret of a stack'),
      'thrown',
    ]) {
      expect(problemOf(fault, '/')).toMatchObject({ status: 500 });
      expect(JSON.stringify(problemOf(fault, '/'))).not.toContain('secret of a stack');
    }
  });

  it('is worth another try when a datastore is away', () => {
    expect(problemOf(new Error('Connection terminated unexpectedly'), '/').status).toBe(503);
  });

  it('keeps the status of what the framework threw', () => {
    expect(problemOf(new NotFoundException(), '/').status).toBe(404);
    expect(problemOf(Object.assign(new Error('too large'), { status: 413 }), '/')).toMatchObject({
      status: 413,
      type: 'urn:muster:problem:invalid',
    });
  });
});
