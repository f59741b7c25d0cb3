/** What a machine's record says when nobody has it. */
export const NOT_HELD = { claim: null, deploymentId: null, owner: null } as const;
