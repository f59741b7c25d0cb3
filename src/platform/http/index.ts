export { type OutgoingPolicy } from './address-policy.js';
export type { DownloadOptions } from './download.js';
export { OutgoingHttp, type OutgoingResponse } from './outgoing-http.js';
export { HttpError, type OutgoingOptions, type OutgoingRequest } from './outgoing-request.js';
