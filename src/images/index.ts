export { bakedLike, type BakedLike } from './baked-like.js';
export { Image, type ImageKind } from './image.entity.js';
export { COMPRESSIONS, FILE_ROLES, type Compression, type ImageFileRole } from './image-file.entity.js';
export { CONTAINER_VARIANT, selectImage, type ImageForm, type ImageWish } from './select-image.js';
export { ContentStore, type Content } from './store/content-store.js';
export { serveFile, type ServableFile } from './serve/serve-file.js';
export { BootFiles, type BootFile } from './boot-files/boot-files.js';
export { ImagesModule } from './images.module.js';
export { ImageCatalog, type NewImage } from './image-catalog.js';
export {
  ImagesService,
  type BakeRequest,
  type ContainerRoot,
  type BuildRequest,
  type DeployableFile,
  type ImageProgress,
  type ImportRequest,
} from './images.service.js';
export { StreamSync, type SyncRequest, type SyncResult } from './streams/stream-sync.js';
export { PackageResolver, packagesIndex, type PackageFile } from './packages/package-resolver.js';
