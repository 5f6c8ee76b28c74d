// After each test, and after each file, nothing may be left: no socket, server or child process, no timer, and nothing
// changed in the process, which goes on to test other files. The runner itself fails on unhandled rejections and
// uncaught exceptions. (Tests of one file run one after the other: `test.concurrent` would be blamed for its
// neighbour's handles.)
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { leftBehind, type OpenResources, openResources } from './leaks.ts';
import { changedSince, processState } from './process-state.ts';

// Before the test file is loaded.
const stateBefore = processState();
let beforeFile: OpenResources;
let beforeTest: OpenResources;

// Registered before those of the test files: these run first before a test, and last after it.
beforeAll(() => {
  beforeFile = openResources();
});
beforeEach(() => {
  beforeTest = openResources();
});
afterEach(async () => expectNone(await leftBehind(beforeTest)));
afterAll(async () => {
  // The runner takes these back before the next test, and this was the last one of the file.
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  expectNone([...(await leftBehind(beforeFile)), ...changedSince(stateBefore)]);
});

function expectNone(left: readonly string[]): void {
  if (left.length > 0) throw new Error(`Left behind:\n${left.join('\n')}`);
}
