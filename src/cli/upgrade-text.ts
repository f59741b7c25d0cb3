import type { DeploymentDetail } from '../api/contract/index.js';

/** How far an upgrade came that is not at its end. */
export function upgradeText({ action, done, underWay, left }: NonNullable<DeploymentDetail['upgrade']>): string {
  const all = done.length + underWay.length + left.length;
  const parts = [
    `${done.length} of ${all} units done${listed(done)}`,
    ...(underWay.length === 0 ? [] : [`in part: ${underWay.join(', ')}`]),
    ...(left.length === 0 ? [] : [`untouched: ${left.join(', ')}`]),
  ];
  return `${action === 'rollback' ? 'half rolled back' : 'half upgraded'}: ${parts.join('; ')}`;
}

const listed = (units: readonly string[]) => (units.length === 0 ? '' : ` (${units.join(', ')})`);
