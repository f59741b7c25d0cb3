import { LibraryAnswers } from '../api/index.js';
import { bundlesRoutes, rolesRoutes } from '../api/contract/index.js';
import { BundleLibrary } from '../deployments/index.js';
import { MusterError } from '../error.js';

interface Input {
  params?: Record<string, string>;
  body?: unknown;
}

type Answer = (answers: LibraryAnswers, input: Input) => unknown;

const ANSWERS = new Map<string, Answer>([
  [bundlesRoutes.list.id, (answers) => answers.bundles()],
  [bundlesRoutes.show.id, (answers, { params }) => answers.bundle(params?.bundle ?? '')],
  [bundlesRoutes.check.id, (answers, { body }) => answers.check(bundlesRoutes.check.body.parse(body))],
  [bundlesRoutes.graph.id, (answers, { body }) => answers.graph(bundlesRoutes.graph.body.parse(body))],
  [rolesRoutes.list.id, (answers) => answers.roles()],
  [rolesRoutes.show.id, (answers, { params }) => answers.role(params?.role ?? '')],
]);

/** What a server would answer to a route, by its id, with what muster ships; those that archives brought are a server's. */
export function answerFromLibrary(id: string, input: Input): unknown {
  const answer = ANSWERS.get(id);
  if (answer === undefined) throw new MusterError('internal', `cannot answer ${id} without a server`);
  return answer(new LibraryAnswers(new BundleLibrary()), input);
}
