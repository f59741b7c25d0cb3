/** Where a unit goes, as written in `to`. */
export interface Placement {
  /** Null: on the target itself. */
  container: 'lxd' | 'kvm' | null;
  target:
    | { kind: 'machine'; machine: string }
    | { kind: 'application'; application: string }
    | { kind: 'unit'; application: string; index: number }
    | { kind: 'new' };
}

const GRAMMAR = /^(?:(lxd|kvm):)?(?:(new)|(\d{1,9})|([a-z][a-z0-9-]*)(?:\/(\d{1,9}))?)$/;

/** Reads `(<container>:)?(<machine>|<application>|<application>/<n>|new)`; null where it is none of these. */
export function parsePlacement(written: string): Placement | null {
  const match = GRAMMAR.exec(written);
  if (!match) return null;
  const [, container, fresh, machine, application, index] = match;
  return {
    container: container === 'lxd' || container === 'kvm' ? container : null,
    target: targetOf(fresh, machine, application, index),
  };
}

function targetOf(
  fresh: string | undefined,
  machine: string | undefined,
  application: string | undefined,
  index: string | undefined,
): Placement['target'] {
  if (machine !== undefined) return { kind: 'machine', machine };
  if (fresh !== undefined || application === undefined) return { kind: 'new' };
  if (index === undefined) return { kind: 'application', application };
  return { kind: 'unit', application, index: Number(index) };
}
