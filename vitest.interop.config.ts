import { defineConfig } from 'vitest/config';

const sdkTests = ['test/interop/aws-sdks*.test.ts', 'test/interop/shadows-*.test.ts'];

/** Against what others have built: mosquitto, which must be installed, and AWS's own SDKs, which are fetched from the registry. */
export default defineConfig({
  test: {
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 10_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: { name: 'mosquitto', include: ['test/interop/**/*.test.ts'], exclude: sdkTests },
      },
      {
        extends: true,
        // They are fetched only when one of these runs.
        test: { name: 'sdks', include: sdkTests, globalSetup: ['test/interop/install-sdks.ts'] },
      },
    ],
  },
});
