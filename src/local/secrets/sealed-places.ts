/** A place in the database where sealed values are. The expressions are SQL of a row of `table`, whose key is `id`. */
export interface SealedPlace {
  /** For people. */
  what: string;
  table: string;
  /** The sealed text, or null. */
  sealed: string;
  /** What it was sealed for: associated data. */
  rowId: string;
  /** Puts the text `$new` in its place. */
  set: (newText: string) => string;
}

/**
 * Every place. The migrations `secret-keys` and `clouds` guard the same ones, and before a key is retired every column of text is
 * searched for it, so that a place which is missing here loses nothing.
 */
export const SEALED_PLACES: readonly SealedPlace[] = [
  column('passwords of power drivers', 'machine', 'power_secrets'),
  column('SSH keys of deployments', 'deployment', 'ssh_private_key'),
  column('keys of clouds', 'cloud', 'private_key'),
  column("agents' orders", 'agent_order', 'parameters'),
  column('cloud-init documents', 'metadata_token', 'seed'),
  column('secrets that steps published, or were given', 'output', 'sealed'),
  {
    what: 'user-data in plans',
    table: 'step',
    sealed: `input #>> '{deploy,userData}'`,
    rowId: `'user-data ' || (input ->> 'machineId')`,
    set: (newText) => `input = jsonb_set(input, '{deploy,userData}', to_jsonb(${newText}))`,
  },
];

function column(what: string, table: string, name: string): SealedPlace {
  return { what, table, sealed: name, rowId: 'id::text', set: (newText) => `${name} = ${newText}` };
}
