import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type UserWorkspaceConfig } from 'vitest/config';
import { FaultTable } from './test/faults/table-reporter.ts';
import browser from './vitest.browser.config.ts';
import usual from './vitest.config.ts';
import interop from './vitest.interop.config.ts';

/** Every file that shows no row of the fault catalogue: nothing of it would run, and it need not even be loaded. */
const othersTests = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('test', name))
  .filter((path) => !readFileSync(path, 'utf8').includes('fault:'));

type Suite = Pick<UserWorkspaceConfig, 'test'>;

/** The projects of another suite as they are, less the files of others. */
function projectsOf({ test = {} }: Suite, groupOrder: number): UserWorkspaceConfig[] {
  const { projects = [{}], coverage: _none, ...shared } = test as typeof test & { projects?: Suite[] };
  return projects.map((project) => {
    const own = { ...shared, ...project.test };
    const exclude = [...(own.exclude ?? []), ...othersTests];
    return { test: { ...own, exclude, sequence: { groupOrder } } } as UserWorkspaceConfig;
  });
}

/** Every test of every suite that shows a row of the fault catalogue, and the table of them: `npm run test:faults`. */
export default defineConfig({
  test: {
    projects: [usual, interop, browser].flatMap((suite, index) => projectsOf(suite as Suite, index)),
    testNamePattern: /fault:[A-Z]/,
    reporters: ['dot', new FaultTable()],
  },
});
