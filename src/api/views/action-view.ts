import type { RoleAction } from '../../bundles/index.js';
import type { ActionParam } from '../contract/index.js';

export function paramViews(params: RoleAction['params']): ActionParam[] {
  return [...params].map(([name, { type, default: value, choices, description, required, secret }]) => ({
    ...{ name, type, default: value },
    ...{ choices, description, required, secret },
  }));
}
