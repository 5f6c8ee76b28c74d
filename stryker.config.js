/** Mutation tests: `npm run mutate`. test/mutation/run.mjs adds which files, and where the reports go. */
export default {
  testRunner: 'vitest',
  // Not Stryker's `testFiles`: with it, mutants of what a module makes as it is loaded are woken too late, and all survive.
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  coverageAnalysis: 'perTest',
  // All mutators. Only texts for people are left out: test/mutation/prose.mjs says which, and why.
  plugins: ['@stryker-mutator/vitest-runner', './test/mutation/prose.mjs'],
  ignorers: ['prose'],
  // Tables of codes are objects that a module makes as it is loaded, and much of what matters here is such a table.
  ignoreStatic: false,
  // A test that is slow because the machine is busy is no mutant found. Endless loops are found by their hits: only those
  // with nothing inside wait for as long as this.
  timeoutMS: 20_000,
  timeoutFactor: 2,
  thresholds: { high: 95, low: 90, break: 85 },
  reporters: ['progress-append-only', 'clear-text', 'html', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  warnings: { slow: false },
  ignorePatterns: ['dist', 'docs-site', 'coverage', 'reports', 'visualizations', 'scripts/dist', 'bench'],
};
