import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, inject, vi } from 'vitest';
import type { InspectionEvent } from 'xstate';
import type * as Sdk from '../../src/index.ts';
import type * as Inspect from '../../src/inspect/index.ts';
import { seriousFaults } from './axe.ts';

const require = createRequire(join(inject('installedApp'), 'package.json'));

/** An entry of the package as it is installed: its page and its pictures come from there too. */
async function installed<T>(entry: string): Promise<T> {
  return (await import(pathToFileURL(require.resolve(entry)).href)) as T;
}

export const sdk = await installed<typeof Sdk>('aws-iot-machines');
export const inspect = await installed<typeof Inspect>('aws-iot-machines/inspect');

interface WatchedActor {
  readonly id: string;
  getSnapshot(): { readonly _nodes?: readonly { readonly id: string }[] };
}

/** The actors of a client, as XState itself reports them. */
export class Witness {
  readonly #actors = new Map<string, WatchedActor>();

  readonly observe = (event: InspectionEvent): void => {
    if (event.type === '@xstate.actor') {
      const actor = event.actorRef as unknown as WatchedActor;
      this.#actors.set(actor.id, actor);
    }
  };

  /** The ids of all active states of the newest actor of this name. */
  statesOf(id: string): string[] {
    return (this.#actors.get(id)?.getSnapshot()._nodes ?? []).map((node) => node.id).sort();
  }

  named(prefix: string): string[] {
    return [...this.#actors.keys()].filter((id) => id.startsWith(prefix));
  }
}

/** A live page in a tab of its own, and everything that may not happen there. */
export class LivePage implements AsyncDisposable {
  readonly page: Page;
  readonly complaints: string[] = [];

  private constructor(page: Page, origin: string) {
    this.page = page;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(origin) && !url.startsWith('data:')) this.complaints.push(`asked for ${url}`);
    });
  }

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<LivePage> {
    const context = await browser.newContext(options);
    const live = new LivePage(await context.newPage(), url);
    await live.page.goto(url);
    await live.page.locator('#stream[data-connected=true]').waitFor();
    return live;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
    expect(this.complaints).toEqual([]);
  }

  async choose(name: string): Promise<void> {
    await this.page.locator('#tree [role=treeitem]', { hasText: name }).last().click();
    await this.page.locator('#chart-title', { hasText: name }).waitFor();
    await this.page.locator('#chart-frame svg').waitFor();
  }

  /** The ids of all states that are lit. */
  lit(): Promise<string[]> {
    return this.page
      .locator('#chart-frame [data-state].active')
      .evaluateAll((boxes) => boxes.map((box) => box.getAttribute('data-state') ?? '').sort());
  }

  /** The ids of the transitions whose rows (`data-transition`) or arrows (`data-transitions`) are lit. */
  async taken(attribute: 'data-transition' | 'data-transitions'): Promise<string[]> {
    const ids = await this.page
      .locator(`#chart-frame .taken[${attribute}]`)
      .evaluateAll((ones, name) => ones.map((one) => one.getAttribute(name)?.split(' ') ?? []), attribute);
    return ids.flat().sort();
  }

  /** Waits until the chosen chart shows what the machine says, state for state. */
  async shows(witness: Witness, name: string, state: string): Promise<void> {
    await this.choose(name);
    await vi.waitFor(
      async () => {
        const lit = await this.lit();
        expect(lit).toEqual(witness.statesOf(name));
        expect(lit).toContain(state);
      },
      { timeout: 15_000, interval: 20 },
    );
  }

  /** Waits until the log has lines of these types, in this order. */
  async logs(...types: readonly string[]): Promise<void> {
    await vi.waitFor(
      async () => {
        const left = [...types];
        for (const type of await this.page.locator('#log-body .entry-type').allTextContents())
          if (type === left[0]) left.shift();
        expect(left).toEqual([]);
      },
      { timeout: 10_000, interval: 50 },
    );
  }

  async client(clientId: string, state: string): Promise<void> {
    await this.page.locator(`.client[data-client="${clientId}"][data-connection=${state}]`).waitFor();
  }

  async press(
    fault: Inspect.FaultyCore extends { readonly faults: infer F } ? keyof F : never,
  ): Promise<void> {
    const pressed = this.page.locator(`[data-fault=${fault}]`);
    await pressed.click();
    await this.page.locator('#fault-outcome', { hasText: `${await pressed.textContent()}: done` }).waitFor();
  }

  /** Needs a context that bypasses CSP: the page itself runs no scripts but its own. */
  faults(): Promise<string[]> {
    return seriousFaults(this.page);
  }

  /** Has the page believe that nobody, or somebody, sees it: a headless browser shows all tabs at once. */
  async setHidden(isHidden: boolean): Promise<void> {
    await this.page.evaluate((value) => {
      const { document } = globalThis as unknown as { document: EventTarget };
      Object.defineProperty(document, 'hidden', { configurable: true, value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, isHidden);
  }
}
