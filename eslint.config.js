// Only what needs types or knows this house: biome formats and does every rule that a single file can answer.
import { builtinModules } from 'node:module';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const TIME = 'Time comes from the Clock that was passed in, so that a simulated clock drives everything.';
const CHANCE = 'Randomness comes from the `random` that was passed in, so that a seed repeats every run.';
const clockGlobals = [
  'setTimeout',
  'setInterval',
  'clearTimeout',
  'clearInterval',
  'performance',
  'Temporal',
];
const globalObjects = ['globalThis', 'global', 'window', 'self'];

export default defineConfig(
  globalIgnores(['**/dist/', 'docs-site/', 'coverage/', 'visualizations/']),
  {
    files: ['**/*.{ts,tsx,js,mjs,cjs}'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-array-delete': 'error',
      '@typescript-eslint/no-base-to-string': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-for-in-array': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      '@typescript-eslint/no-unnecessary-condition': 'error',
      '@typescript-eslint/no-unnecessary-type-arguments': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        // An aborted call rejects with the signal's own reason, whatever that is.
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      '@typescript-eslint/require-await': 'error',
      '@typescript-eslint/restrict-plus-operands': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/unbound-method': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'error',
      '@typescript-eslint/no-unsafe-assignment': 'error',
      '@typescript-eslint/no-unsafe-call': 'error',
      '@typescript-eslint/no-unsafe-member-access': 'error',
      '@typescript-eslint/no-unsafe-return': 'error',
    },
  },
  {
    // `async () => value` is the plainest stub of an asynchronous function.
    files: ['test/**'],
    rules: { '@typescript-eslint/require-await': 'off' },
  },
  {
    files: ['src/{machines,delivery,client,adapters,protocol}/**/*.ts'],
    ignores: ['src/protocol/clock.ts'],
    rules: {
      'no-restricted-globals': ['error', ...clockGlobals.map((name) => ({ name, message: TIME }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: TIME },
        { object: 'AbortSignal', property: 'timeout', message: TIME },
        { object: 'process', property: 'hrtime', message: TIME },
        { object: 'Math', property: 'random', message: CHANCE },
        ...globalObjects.flatMap((object) =>
          clockGlobals.map((property) => ({ object, property, message: TIME })),
        ),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: TIME },
        { selector: 'CallExpression[callee.name="Date"]', message: TIME },
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: builtinModules
            .filter((name) => /^(timers|perf_hooks)(\/|$)/.test(name))
            .flatMap((name) => [name, `node:${name}`])
            .map((name) => ({ name, message: TIME })),
        },
      ],
    },
  },
);
