// After each test, and after each file, nothing may be left: no socket, server or child process, no timer, and nothing
// changed in the process, which goes on to test other files. The runner itself fails on unhandled rejections and
// uncaught exceptions. And no secret may have been shown (sec:S-7). (Tests of one file run one after the other: `test.concurrent` would be blamed for its
// neighbour's handles.)
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { leftBehind, type OpenResources, openResources } from './leaks.ts';
import { changedSince, processState } from './process-state.ts';
import { watchModules } from './watched-modules.ts';
import { secretsSeen, watchPrinting } from './witness.ts';

// Before the test file is loaded.
const stateBefore = processState();
const endPrinting = watchPrinting();
watchModules();
let beforeFile: OpenResources;
let beforeTest: OpenResources;

// Registered before those of the test files: these run first before a test, and last after it.
beforeAll(() => {
  beforeFile = openResources();
});
beforeEach(() => {
  beforeTest = openResources();
});
afterEach(async () => {
  const left = await leftBehind(beforeTest);
  const shown = secretsSeen();
  expectNone('Left behind', left);
  expectNone('Secrets shown', shown);
});
afterAll(async () => {
  // The runner takes these back before the next test, and this was the last one of the file.
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  const left = await leftBehind(beforeFile);
  endPrinting();
  expectNone('Left behind', [...left, ...changedSince(stateBefore)]);
  expectNone('Secrets shown', secretsSeen());
});

function expectNone(what: string, found: readonly string[]): void {
  if (found.length > 0) throw new Error(`${what}:\n${found.join('\n')}`);
}
