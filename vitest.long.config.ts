import { defineConfig } from 'vitest/config';

/** Tests that are only here: each path of a machine, taken by a real client on a real broker. */
const modelTests = ['test/model/**/*.test.ts'];

/** Those of `npm test` whose runs are drawn from seeds, or that last as long as they are told: here there is much more of each. */
const generatedTests = [
  'test/client/{random-calls,shadow-random}.test.ts',
  'test/faults/three-am.test.ts',
  'test/machines/*.random.test.ts',
  'test/unit/delivery/*.model.test.ts',
];

/** What no step of work needs to wait for: `npm run test:long`. */
export default defineConfig({
  test: {
    include: [...modelTests, ...generatedTests],
    provide: { isLong: true },
    isolate: false,
    setupFiles: ['test/support/fresh.ts', 'test/support/setup.ts'],
    testTimeout: 120_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    maxWorkers: 2,
  },
});
