import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as adapters from '../../src/adapters/index.ts';
import * as browser from '../../src/browser.ts';
import * as root from '../../src/index.ts';
import * as inspectBrowser from '../../src/inspect/browser.ts';
import * as inspect from '../../src/inspect/index.ts';
import * as local from '../../src/local/index.ts';
import * as machines from '../../src/machines/index.ts';
import * as testing from '../../src/testing/index.ts';
import { runCase, type Target } from './judge.mjs';
import regressions from './regressions.json' with { type: 'json' };
import { TARGETS } from './targets.mjs';

const packages = { root, browser, machines, adapters, inspect, inspectBrowser, local, testing };

describe.each(Object.entries(TARGETS))('what fuzzing found once: %s', (name, { open }) => {
  const found = regressions.filter((one) => one.target === name);
  let target: Target;
  beforeAll(async () => {
    target = await open(packages);
  });
  afterAll(() => target.close());

  // It opens too: a function that is exported and has no place in the fuzz suite fails there.
  test('is still known', () => expect(target.cases).toBeDefined());

  test.each(found.map(({ found, given }) => [found, given] as const))('%s', async (_, given) => {
    await expect(runCase(target, given)).resolves.toBeUndefined();
  });
});
