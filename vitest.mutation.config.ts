import { defineConfig } from 'vitest/config';

/** The tests that have to find the mutants of a part: those of its own, and of who uses all of it and nothing else. */
const testsOf: Readonly<Record<string, readonly string[]>> = {
  protocol: ['test/unit/{protocol,delivery}/**/*.test.ts'],
  delivery: ['test/unit/delivery/**/*.test.ts'],
  machines: ['test/machines/**/*.test.ts'],
};
const part = process.env['MUTATED_PART'];

/** What Stryker runs for each mutant: only what is fast, the same each time, and needs no socket. */
export default defineConfig({
  test: {
    include: part === undefined ? Object.values(testsOf).flat() : [...(testsOf[part] ?? [])],
    exclude: ['test/unit/protocol/tls-names.test.ts'],
    // Each file in a thread of its own: what a module makes as it is loaded must not be another mutant's.
    isolate: true,
    // Stryker's own setup comes before these and wakes the mutant: none of the source may be loaded before it.
    sequence: { setupFiles: 'list' },
    setupFiles: ['test/mutation/fixed-seed.ts', 'test/support/setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
  },
});
