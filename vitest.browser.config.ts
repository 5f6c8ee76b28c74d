import { defineConfig } from 'vitest/config';

/** The packed package in a page, in real Chromium. Needs the registry, and `chromium` in the PATH. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    globalSetup: ['test/browser/installed-app.ts'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
    unstubEnvs: true,
  },
});
