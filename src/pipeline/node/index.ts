import type { Remote } from '../../platform/remote/index.js';
import type { StepHandler } from '../step-handler.js';
import type { DetachedStepOptions } from './detached-step.js';
import type { NodeDirectory } from './node-directory.js';
import { NodeScriptHandler } from './node-script.handler.js';
import { NodeSshHandler, NodeWaitHandler } from './node-wait.handler.js';

/** The kinds that act on nodes: `node.script`, `node.wait`, `node.ssh`. Registered by the room that knows the nodes. */
export function nodeHandlers(
  needs: { remote: Remote; nodes: NodeDirectory },
  options: DetachedStepOptions = {},
): StepHandler[] {
  return [new NodeScriptHandler(needs, options), new NodeWaitHandler(needs), new NodeSshHandler(needs)];
}
