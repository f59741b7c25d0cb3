import { QueryFailedError } from 'typeorm';
import { expect, it } from 'vitest';
import { MusterError } from '../../error.js';
import { isLostConnection } from './lost-connection.js';

const coded = (code: string, syscall?: string) => Object.assign(new Error('it broke'), { code, syscall });
const failed = (error: Error) => new QueryFailedError('select 1', [], error);

it.each([
  coded('ECONNREFUSED', 'connect'),
  coded('ENOENT', 'connect'),
  coded('57P03'),
  failed(coded('57P01')),
  failed(coded('08006')),
  failed(new Error('Connection terminated unexpectedly')),
  new Error('Connection terminated due to connection timeout'),
  failed(new Error('Client has encountered a connection error and is not queryable')),
])('%j: the connection is lost', (error) => {
  expect(isLostConnection(error)).toBe(true);
});

it.each([
  failed(coded('23505')),
  failed(coded('57014')),
  coded('ENOENT', 'open'),
  new MusterError('unavailable', 'cannot reach n1', { cause: coded('ECONNREFUSED') }),
  'ECONNREFUSED',
])('%j: it is not', (error) => {
  expect(isLostConnection(error)).toBe(false);
});
