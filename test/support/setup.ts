// After each test, and after each file, nothing may be left: no socket, server or child process, no timer. The runner
// itself fails on unhandled rejections and uncaught exceptions. (Tests of one file run one after the other:
// `test.concurrent` would be blamed for its neighbour's handles.)
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { leftBehind, type OpenResources, openResources, watchTimers } from './leaks.ts';

watchTimers();

let beforeFile: OpenResources;
let beforeTest: OpenResources;

// Registered before those of the test files: these run first before a test, and last after it.
beforeAll(() => {
  beforeFile = openResources();
});
beforeEach(() => {
  beforeTest = openResources();
});
afterEach(() => expectNothingLeft(beforeTest));
afterAll(() => expectNothingLeft(beforeFile));

async function expectNothingLeft(before: OpenResources): Promise<void> {
  const left = await leftBehind(before);
  if (left.length > 0) throw new Error(`Left behind:\n${left.join('\n')}`);
}
