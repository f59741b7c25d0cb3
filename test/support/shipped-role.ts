import type { RoleDetail } from '../../src/api/contract/index.js';
import { LibraryAnswers } from '../../src/api/library-answers.js';
import { BundleLibrary } from '../../src/deployments/bundle-library.js';

/** A role in the repository, as a server tells it. */
export function shippedRole(name: string): RoleDetail {
  return new LibraryAnswers(new BundleLibrary()).role(name);
}
