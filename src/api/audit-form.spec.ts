import { expect, it } from 'vitest';
import { auditForm } from './audit-form.js';

it('keeps which files a bundle had, and not what they say, at the top of a request and within it', () => {
  const bundle = { files: [{ path: 'bundle.yaml', text: 'password: sesame' }] };
  for (const body of [bundle, { target: 'debian@12', bundle }]) {
    const kept = JSON.stringify(auditForm(body));
    expect(kept).toMatch(/"path":"bundle.yaml","sha256":"[0-9a-f]{64}"/);
    expect(kept).not.toContain('sesame');
  }
  expect(auditForm({ bundle: 'kubernetes-core' })).toEqual({ bundle: 'kubernetes-core' });
});
