import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const require = createRequire(import.meta.url);
const source = readFileSync(require.resolve('axe-core'), 'utf8');

interface AxeRunner {
  run(): Promise<{
    readonly violations: readonly {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
    }[];
  }>;
}

/**
 * What axe holds to be a serious fault, or a critical one. A page that allows no scripts but its own needs a context that bypasses
 * CSP.
 */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.addScriptTag({ content: source });
  const { violations } = await page.evaluate(
    async () => await (globalThis as unknown as { readonly axe: AxeRunner }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
