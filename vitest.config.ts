import { defineConfig } from 'vitest/config';

/** Tests that install from the registry: `npm run test:package`. */
const packageTests = ['test/package/**/*.test.ts'];

/** Tests that need what others have built, installed beside us: `npm run test:interop`. */
const interopTests = ['test/interop/**/*.test.ts'];

/** Tests that need the registry and Chromium: `npm run test:browser`. */
const browserTests = ['test/browser/**/*.test.ts'];

/** Tests that nobody waits for at each step: `npm run test:long`. */
const longTests = ['test/model/**/*.test.ts'];

/** Tests of what users start, and of what only another process can show: they need the package as it is built. */
const builtTests = [
  'test/cli/**/*.test.ts',
  'test/examples/**/*.test.ts',
  'test/adapters/{credential-chain,level}-process.test.ts',
  'test/client/secrets-heap.test.ts',
  'test/faults/store.test.ts',
  'test/inspect/stately-process.test.ts',
];

export default defineConfig({
  test: {
    // fresh.ts says what stands in for it.
    isolate: false,
    setupFiles: ['test/support/fresh.ts', 'test/support/setup.ts'],
    // Bounds against hanging, wide enough for a slow machine; no test is meant to come near them.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    coverage: { provider: 'v8', include: ['src/**'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'source',
          include: ['test/**/*.test.ts'],
          exclude: [...builtTests, ...packageTests, ...interopTests, ...browserTests, ...longTests],
          // By itself the runner leaves a core free, which of two is half. Some tests wait more than they work.
          maxWorkers: 4,
        },
      },
      {
        extends: true,
        test: {
          name: 'built',
          include: builtTests,
          // The build is paid for only when one of these runs.
          globalSetup: ['test/support/built-package.ts'],
          maxWorkers: 4,
        },
      },
    ],
  },
});
