import type { ImagesService } from '../../images/index.js';
import type { StepHandler } from '../../pipeline/index.js';
import { CreateHandler } from './create.handler.js';
import { DeleteHandler } from './delete.handler.js';
import { ImageHandler } from './image.handler.js';
import type { LxdClouds } from './lxd-cloud.js';
import { PrepareHandler } from './prepare.handler.js';
import { StartHandler } from './start.handler.js';

/** The steps of nodes that are system containers. */
export function lxdHandlers(clouds: LxdClouds, images: ImagesService): StepHandler[] {
  return [
    new PrepareHandler(clouds),
    new ImageHandler(clouds, images),
    new CreateHandler(clouds),
    new StartHandler(clouds),
    new DeleteHandler(clouds),
  ];
}
