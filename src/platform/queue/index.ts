export * from './embedded-redis.js';
export * from './step-queue.js';
