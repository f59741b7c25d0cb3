export { ArtifactCache } from './artifact-cache.js';
export { ArtifactFetchHandler, artifactSource } from './artifact-fetch.handler.js';
export { ArtifactPins } from './artifact-pins.js';
export { fileNameOf } from './mirrors.js';
export { ArtifactsModule, keptFolder } from './artifacts.module.js';
