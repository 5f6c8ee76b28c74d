import { defineConfig } from 'vitest/config';

/** Against what others have built: mosquitto, which must be installed, and AWS's own SDKs, which are fetched from the registry. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 10_000,
    hookTimeout: 120_000,
  },
});
