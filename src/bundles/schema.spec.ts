import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bundleJsonSchema, roleJsonSchema } from './schema.js';

const shipped = (path: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../../bundles', path), 'utf8'));

it.each([
  ['bundle.schema.json', bundleJsonSchema()],
  ['roles/role.schema.json', roleJsonSchema()],
])('bundles/%s, which editors read, is the schema that muster checks by', (path, schema) => {
  expect(shipped(path)).toEqual(JSON.parse(JSON.stringify(schema)));
});
