import { MusterError } from '../../error.js';
import type { ContainerRoot, ImagesService } from '../../images/index.js';
import type { StepContext } from '../../pipeline/index.js';

/** The newest root for containers in muster's store; built where there is none. */
export async function containerRoot(
  images: Pick<ImagesService, 'findContainerRoot' | 'build'>,
  context: StepContext,
  wish: { os: 'debian' | 'ubuntu'; release: string; architecture: string },
): Promise<ContainerRoot> {
  const found = await images.findContainerRoot(wish);
  if (found !== null) return found;
  const { os, release } = wish;
  await context.log(`there is no image of ${os}@${release}: building one for containers\n`);
  let told: Promise<void> = Promise.resolve();
  const onProgress = (percent: number, message: string) => {
    told = told.then(() => context.progress(Math.floor(percent * 0.9), message));
    told.catch(() => undefined);
  };
  const request = { target: { os, release }, kernel: 'none' } as const;
  await images.build(request, { onProgress, signal: context.signal });
  await told;
  const built = await images.findContainerRoot(wish);
  if (built !== null) return built;
  throw new MusterError('conflict', `cannot find an image of ${os}@${release} for ${wish.architecture}`, {
    hint: 'one that was built here is for this computer; muster images import brings others',
  });
}
