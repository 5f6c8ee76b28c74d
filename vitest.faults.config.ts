import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from 'vitest/config';
import { NAMES_A_ROW } from './test/faults/table.ts';
import { FaultTable } from './test/faults/table-reporter.ts';
import browser from './vitest.browser.config.ts';
import usual from './vitest.config.ts';
import interop from './vitest.interop.config.ts';

/** Every file that shows no row of the fault catalogue: nothing of it would run, and it need not even be loaded. */
const othersTests = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join('test', name))
  .filter((path) => !NAMES_A_ROW.test(readFileSync(path, 'utf8')));

/** The projects of another suite as they are, less the files of others. Suites run one after the other. */
function projectsOf({ test = {} }: ViteUserConfig, groupOrder: number): TestProjectInlineConfiguration[] {
  const { projects = [{}], coverage: _, ...shared } = test;
  return projects.map((project) => {
    const own = typeof project === 'object' && 'test' in project ? (project.test ?? {}) : {};
    const exclude = [...(own.exclude ?? shared.exclude ?? []), ...othersTests];
    return { test: { ...shared, ...own, exclude, sequence: { groupOrder } } };
  });
}

/** Every test of every suite that shows a row of the fault catalogue, and the table of them: `npm run test:faults`. */
export default defineConfig({
  test: {
    projects: [usual, interop, browser].flatMap(projectsOf),
    testNamePattern: NAMES_A_ROW,
    reporters: [['default', { summary: false }], new FaultTable()],
  },
});
