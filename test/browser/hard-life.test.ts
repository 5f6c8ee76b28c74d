import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type * as Sdk from '../../src/browser.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { launchChromium } from './chromium.ts';
import { serve } from './site.ts';

/** What the page of `page/` has in its global scope, and what these tests put there. */
interface PageScope {
  readonly page: { readonly sdk: typeof Sdk };
  client: Sdk.IotClient;
  states: string[];
  stored: string[];
}

let core: LocalIotCore;
let browser: Browser;
let site: Awaited<ReturnType<typeof serve>>;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  core = await startLocalIotCore({ limits: NO_RATE_LIMITS, authorizer: () => true });
  site = await serve(join(inject('installedApp'), 'dist'));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await site[Symbol.asyncDispose]();
  await core.stop();
});

beforeEach(async () => {
  context = await browser.newContext({ ignoreHTTPSErrors: true });
  page = await context.newPage();
});

afterEach(async () => {
  await context.close();
  await core.when(() => core.clients.length === 0);
});

/** Loads the page, and makes its client. */
async function open(): Promise<void> {
  await page.goto(site.url);
  await page.evaluate(
    async (target) => {
      const scope = globalThis as unknown as PageScope;
      const { createIotClient, customAuthorizer } = scope.page.sdk;
      const auth = customAuthorizer({ name: 'gate' });
      scope.client = createIotClient({ ...target, clientId: 'page', auth, reconnect: { baseMs: 100 } });
      scope.states = [];
      scope.client.on('status', ({ state }) => scope.states.push(state));
      await scope.client.connect();
      await scope.client.when('live');
    },
    { endpoint: core.endpoint, port: core.webSocketPort },
  );
}

const publish = (payload: string): Promise<string> =>
  page.evaluate(async (text) => {
    const { client } = globalThis as unknown as PageScope;
    return (await client.publish('plants/basil', text, { qos: 1 })).state;
  }, payload);

const until = (state: Sdk.StatusState): Promise<unknown> =>
  page.evaluate(
    async (wanted) => void (await (globalThis as unknown as PageScope).client.when(wanted)),
    state,
  );

const close = (): Promise<void> => page.evaluate(() => (globalThis as unknown as PageScope).client.close());

const taken = (payload: string): boolean => core.received.some((one) => String(one.payload) === payload);

describe('fault:E-10 a page that stands still, as a frozen one does', () => {
  it('makes its line again when it goes on, and what is published then is delivered', async () => {
    await open();
    const before = core.tap.packets({ packet: 'connect' }).length;
    const stands = page.evaluate(() => {
      const end = performance.now() + 2_000;
      while (performance.now() < end);
    });
    await core.faults.dropConnections();
    await core.when(() => core.clients.length === 0);
    await stands;
    await publish('after the ice');
    await until('live');
    await core.when(() => taken('after the ice'));
    expect(core.tap.packets({ packet: 'connect' }).length).toBe(before + 1);
    expect(await page.evaluate(() => (globalThis as unknown as PageScope).states)).toContain('backingOff');
    await close();
  });
});

describe('fault:F-12 a page whose storage is full, private or blocked', () => {
  it.each(['QuotaExceededError', 'SecurityError', 'InvalidStateError'])(
    '%s at each use: it does not notice, because it stores nothing: what waits, waits in memory',
    async (name) => {
      await page.addInitScript((thrown) => {
        const scope = globalThis as unknown as PageScope;
        scope.stored = [];
        for (const place of ['indexedDB', 'localStorage', 'sessionStorage', 'caches'])
          Object.defineProperty(globalThis, place, {
            get: () => {
              scope.stored.push(place);
              throw new DOMException('not here', thrown);
            },
          });
      }, name);
      await open();
      await core.faults.dropConnections();
      expect(await publish(`kept over ${name}`)).toBe('queued');
      await until('live');
      await core.when(() => taken(`kept over ${name}`));
      // The codec of MQTT looks there, once, for whether it is to print what it does.
      const looked = await page.evaluate(() => (globalThis as unknown as PageScope).stored);
      expect(looked.filter((place) => place !== 'localStorage')).toEqual([]);
      await close();
    },
  );

  it('a store that would outlive the page is refused by a clear error, and memory is what to use', async () => {
    await page.goto(site.url);
    const said = await page.evaluate(async () => {
      const { createIotClient, customAuthorizer, levelStore, memoryStore } = (
        globalThis as unknown as PageScope
      ).page.sdk;
      const options = { endpoint: 'localhost', auth: customAuthorizer({ name: 'gate' }) };
      const asked = [
        () => levelStore({ directory: 'queue' } as never),
        () => createIotClient({ ...options, offlineQueue: { store: { open: () => {} } as never } }),
        () => createIotClient({ ...options, offlineQueue: { store: memoryStore() } }).close(),
      ];
      return await Promise.all(
        asked.map(async (ask) => {
          try {
            await ask();
            return 'taken';
          } catch (error) {
            const { code, message } = error as Sdk.IotError;
            return `${code}: ${message}`;
          }
        }),
      );
    });
    expect(said).toEqual([
      expect.stringMatching(/^INVALID_ARGUMENT: levelStore\(\) cannot be used in a browser/),
      expect.stringMatching(/^INVALID_ARGUMENT: offlineQueue\.store must be /),
      'taken',
    ]);
  });
});
