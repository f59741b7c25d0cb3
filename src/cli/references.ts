import { deploymentsRoutes, runsRoutes, type Run } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A run by its id, or the latest of a deployment or machine by its name. Throws where there is none. */
export async function getRun(context: CliContext, reference: string): Promise<Run> {
  if (UUID.test(reference)) {
    const run = await context.api
      .call(runsRoutes.show, { params: { run: reference } })
      .catch((error: unknown) => unlessNotFound(error));
    if (run !== null) return run;
  }
  const { items } = await context.api.call(runsRoutes.list, { query: { subject: reference, limit: 1 } });
  const [run] = items;
  if (run !== undefined) return run;
  throw new CliError(EXIT.notFound, `cannot find a run of ${reference}`, 'muster runs lists them');
}

/** A step's key as part of a path: keys hold slashes. */
export function stepInPath(key: string): string {
  return key.replaceAll('/', '~');
}

/** The one deployment that has all of these applications; throws where there is none, or where there are several. */
export async function onlyDeploymentWith(context: CliContext, wanted: readonly string[]): Promise<string> {
  const { items } = await context.api.call(deploymentsRoutes.list, {});
  const found: string[] = [];
  for (const { name } of items) {
    const { units } = await context.api.call(deploymentsRoutes.show, { params: { deployment: name } });
    if (wanted.every((application) => units.some((unit) => unit.application === application))) found.push(name);
  }
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const names = items.map(({ name }) => name).join(', ') || 'none';
  throw new CliError(
    found.length === 0 ? EXIT.notFound : EXIT.usage,
    found.length === 0
      ? `cannot find a deployment with ${wanted.join(', ')}`
      : `cannot tell which deployment is meant: ${found.join(', ')}`,
    found.length === 0 ? `there are: ${names}` : 'name it with --deployment',
  );
}

function unlessNotFound(error: unknown): null {
  if (error instanceof CliError && error.code === EXIT.notFound) return null;
  throw error;
}
