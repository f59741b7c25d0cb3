import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.spec.ts', 'test/pictures/*.spec.ts'],
          setupFiles: ['test/support/setup.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.spec.ts'],
          setupFiles: ['test/support/setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.spec.ts'],
          setupFiles: ['test/support/setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'kubernetes',
          include: ['test/kubernetes/**/*.spec.ts'],
          setupFiles: ['test/support/setup.ts'],
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'offline',
          include: ['test/offline/**/*.spec.ts'],
          setupFiles: ['test/support/setup.ts'],
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'machines',
          include: ['test/machines/**/*.spec.ts'],
          setupFiles: ['test/support/setup.ts'],
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'roles',
          include: ['test/roles/**/*.spec.ts'],
          setupFiles: ['test/support/setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
