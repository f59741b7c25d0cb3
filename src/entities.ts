import { AccessToken, AuditEntry } from './access/index.js';
import { Deployment } from './deployments/deployment.entity.js';
import { Node } from './deployments/node.entity.js';
import { ImageFile } from './images/image-file.entity.js';
import { Image } from './images/image.entity.js';

/** Every entity of every room, for the data source. */
export const ENTITIES: (abstract new (...args: never[]) => object)[] = [
  AccessToken,
  AuditEntry,
  Image,
  ImageFile,
  Deployment,
  Node,
];
