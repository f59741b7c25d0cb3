import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { MusterError } from '../../error.js';
import type { StepContext } from '../step-handler.js';
import type { DetachedStep } from './detached-step.js';

/** A file that a step uses. Without a sum it could not be had, and is optional. */
export const nodeArtifact = z.object({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  url: z.string(),
  sha256: z.string().regex(/^([0-9a-f]{64})?$/),
  fileName: z.string().regex(/^[A-Za-z0-9_+~-][A-Za-z0-9._+~-]{0,199}$/),
});
export type NodeArtifact = z.infer<typeof nodeArtifact>;

/** Where the files come from; who keeps artifacts implements it. */
export interface ArtifactSource {
  /** The file on this server; fetched where it was another server that had fetched it. */
  open(artifact: NodeArtifact, context: StepContext): Promise<{ path: string; sizeBytes: number }>;
}

/** One delivery sends for so long; then the step is delivered again. */
const SLICE_MS = 15_000;
const PIECE_BYTES = 32 << 20;
const READ_BYTES = 256 << 10;
const TELL_EVERY_MS = 1000;

/** The variables by which a script finds its artifacts. Empty: an optional one that could not be had. */
export function artifactPaths(step: DetachedStep, artifacts: readonly NodeArtifact[]): Record<string, string> {
  return Object.fromEntries(
    artifacts.map((artifact) => [
      `ARTIFACT_${artifact.name.toUpperCase().replaceAll('-', '_')}`,
      artifact.sha256 === '' ? '' : step.artifactPath(artifact),
    ]),
  );
}

/** Sends what the node has not, from where an earlier delivery stopped. False: there is more to send. */
export async function pushArtifacts(
  source: ArtifactSource,
  context: StepContext,
  step: DetachedStep,
  artifacts: readonly NodeArtifact[],
): Promise<boolean> {
  const until = context.clock.now().getTime() + SLICE_MS;
  for (const artifact of artifacts) {
    if (artifact.sha256 !== '' && !(await push(source, context, step, artifact, until))) return false;
  }
  return true;
}

async function push(
  source: ArtifactSource,
  context: StepContext,
  step: DetachedStep,
  artifact: NodeArtifact,
  until: number,
): Promise<boolean> {
  const { signal, clock } = context;
  let sent = await step.lookForArtifact(artifact, signal);
  if (sent === 'present') return true;
  const { path, sizeBytes } = await source.open(artifact, context);
  // What is there is longer than the file: it is of no use.
  if (sent > sizeBytes) sent = 0;
  await context.log(`[muster: sending ${artifact.fileName} to the node from byte ${sent} of ${sizeBytes}]\n`);
  // A file of no bytes has to come to be, too.
  if (sizeBytes === 0) await step.addToArtifact(artifact, 0, Readable.from([]), signal);
  while (sent < sizeBytes) {
    const end = Math.min(sent + PIECE_BYTES, sizeBytes);
    await step.addToArtifact(artifact, sent, readPiece(path, sent, end, teller(context, artifact, sizeBytes)), signal);
    sent = end;
    if (sent < sizeBytes && clock.now().getTime() > until) return false;
  }
  if (await step.settleArtifact(artifact, signal)) return true;
  throw new MusterError('unavailable', `cannot send ${artifact.fileName}: what came at the node has another SHA-256`);
}

/** Reading is what tells how far it is: the connection takes no more than the node takes. */
function readPiece(path: string, start: number, end: number, tell: (bytes: number) => Promise<void>): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    let at = start;
    for await (const chunk of createReadStream(path, { start, end: end - 1, highWaterMark: READ_BYTES })) {
      yield chunk as Buffer;
      at += (chunk as Buffer).length;
      await tell(at);
    }
  }
  return Readable.from(chunks());
}

function teller(context: StepContext, artifact: NodeArtifact, sizeBytes: number): (bytes: number) => Promise<void> {
  let toldAt = 0;
  return async (bytes) => {
    const now = context.clock.now().getTime();
    if (now - toldAt < TELL_EVERY_MS) return;
    toldAt = now;
    const mib = (size: number) => Math.ceil(size / 2 ** 20);
    const message = `sending ${artifact.fileName}: ${mib(bytes)} of ${mib(sizeBytes)} MiB`;
    await context.progress(Math.floor((bytes / sizeBytes) * 100), message);
  };
}
