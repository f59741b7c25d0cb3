import { MusterError } from '../../error.js';
import type { Remote } from '../../platform/remote/index.js';
import type { StepHandler } from '../step-handler.js';
import type { ArtifactSource } from './artifact-source.js';
import type { DetachedStepOptions } from './detached-step.js';
import type { NodeDirectory } from './node-directory.js';
import { NodeScriptHandler } from './node-script.handler.js';
import { NodeSshHandler, NodeWaitHandler } from './node-wait.handler.js';
import type { PackageSource } from './package-source.js';

const NO_ARTIFACTS: ArtifactSource = {
  open: ({ fileName }) =>
    Promise.reject(new MusterError('invalid', `cannot send ${fileName}: no artifacts are kept here`)),
};

const NO_PACKAGES: PackageSource = { find: () => Promise.resolve(null) };

/** The kinds that act on nodes: `node.script`, `node.wait`, `node.ssh`. Registered by the room that knows the nodes. */
export function nodeHandlers(
  needs: { remote: Remote; nodes: NodeDirectory; artifacts?: ArtifactSource; packages?: PackageSource },
  options: DetachedStepOptions = {},
): StepHandler[] {
  const script = new NodeScriptHandler(
    { ...needs, artifacts: needs.artifacts ?? NO_ARTIFACTS, packages: needs.packages ?? NO_PACKAGES },
    options,
  );
  return [script, new NodeWaitHandler(needs), new NodeSshHandler(needs)];
}
