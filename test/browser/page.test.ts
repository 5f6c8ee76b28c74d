import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type * as Sdk from '../../src/browser.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { makeAuthority, makeLeaf } from '../support/certificates.ts';
import { WebSocketFront } from '../support/web-socket-front.ts';
import { launchChromium } from './chromium.ts';
import { serve } from './site.ts';

/** What the page of `page/` has in its global scope. */
interface PageScope {
  readonly page: { readonly sdk: typeof Sdk; show(client: Sdk.IotClient): void };
  client: Sdk.IotClient;
  states: string[];
  messages: string[];
  issue(): Promise<string>;
}

const SECRETS = /X-Amz-Signature|X-Amz-Security-Token|canary|ASIA|AKIA/;

let core: LocalIotCore;
let browser: Browser;
let site: Awaited<ReturnType<typeof serve>>;
let page: Page;
let consoleLines: string[];
let pageErrors: string[];
/** What the custom authorizer was asked. */
const asked: object[] = [];
let issued: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }[];

beforeAll(async () => {
  core = await startLocalIotCore({
    limits: NO_RATE_LIMITS,
    authorizer: ({ username, password, parameters }) => {
      asked.push({ username, password: String(password) });
      return parameters['token'] === 'canary-token';
    },
  });
  site = await serve(join(inject('installedApp'), 'dist'));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await site[Symbol.asyncDispose]();
  await core.stop();
});

beforeEach(async () => {
  consoleLines = [];
  pageErrors = [];
  issued = [];
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  page = await context.newPage();
  page.on('console', (message) => consoleLines.push(message.text()));
  page.on('pageerror', (error) => pageErrors.push(String(error)));
  await page.exposeFunction('issue', () => {
    const keys = core.issueCredentials();
    issued.push(keys);
    return JSON.stringify(keys);
  });
  await page.goto(site.url);
});

afterEach(async () => {
  expect(pageErrors).toEqual([]);
  await page.context().close();
  await core.when(() => core.clients.length === 0);
});

/** Everything that a page can keep or say, as text. */
async function traces(): Promise<string> {
  const kept = await page.evaluate(async () => {
    const { localStorage, sessionStorage, indexedDB, document } = globalThis as unknown as {
      localStorage: object;
      sessionStorage: object;
      indexedDB: { databases(): Promise<unknown[]> };
      document: { cookie: string };
    };
    return JSON.stringify([
      { ...localStorage },
      { ...sessionStorage },
      await indexedDB.databases(),
      document.cookie,
    ]);
  });
  expect(kept).toBe('[{},{},[],""]');
  return consoleLines.join('\n');
}

/** Makes the client of this test, signed in by keys that the core issues for each attempt. */
async function openSigned(clientId: string, reconnect: { baseMs: number } = { baseMs: 100 }): Promise<void> {
  const { endpoint, webSocketPort: port, region } = core;
  await page.evaluate(
    async (where) => {
      const scope = globalThis as unknown as PageScope;
      const { createIotClient, sigV4 } = scope.page.sdk;
      const { region, reconnect, ...target } = where;
      const credentials = async () => {
        const keys = JSON.parse(await scope.issue()) as Sdk.AwsCredentials;
        return { ...keys, expiration: new Date(keys.expiration ?? 0) };
      };
      scope.client = createIotClient({
        ...target,
        auth: sigV4({ credentials, region }),
        reconnect: { ...reconnect, maxMs: 600_000, stableMs: 1_000_000 },
      });
      scope.page.show(scope.client);
      scope.states = [];
      scope.messages = [];
      scope.client.on('status', ({ state }) => scope.states.push(state));
      await scope.client.connect();
      await scope.client.subscribe('plants/+', { qos: 1 }, (message) => {
        scope.messages.push(`${message.topic} ${message.text()}`);
      });
      await scope.client.when('live');
    },
    { endpoint, port, region, clientId, reconnect },
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

const messages = (): Promise<string[]> => page.evaluate(() => (globalThis as unknown as PageScope).messages);

const close = (): Promise<void> => page.evaluate(() => (globalThis as unknown as PageScope).client.close());

/** Waits until the page has got as many. */
async function received(count: number): Promise<string[]> {
  await page.waitForFunction((least) => (globalThis as unknown as PageScope).messages.length >= least, count);
  return await messages();
}

describe('the packed package in a page that Vite bundled', () => {
  it('was bundled without a word about modules of Node', () => {
    expect(inject('leanBundlerOutput')).toContain('lean/index.html');
    expect(inject('leanBundlerOutput')).not.toMatch(/externalized|node:|resolve/i);
    // The AWS SDK has modules of Node among what it offers; nothing of this package is named.
    for (const line of inject('bundlerOutput')
      .split('\n')
      .filter((one) => /externalized/.test(one)))
      expect(line).toMatch(/imported by "[^"]*node_modules\/(@aws-sdk|@smithy)\//);
  });

  it('connects, subscribes and publishes with a receipt', async () => {
    await openSigned('page');
    expect(core.clients).toMatchObject([{ clientId: 'page' }]);
    expect(await publish('dry')).toBe('delivered');
    expect(await received(1)).toEqual(['plants/basil dry']);
    await close();
    expect(core.received.at(-1)).toMatchObject({ topic: 'plants/basil', qos: 1 });
    const said = await traces();
    for (const { secretAccessKey, sessionToken = '' } of issued) {
      expect(said).not.toContain(secretAccessKey);
      expect(said).not.toContain(sessionToken);
    }
    expect(said).not.toMatch(SECRETS);
  });

  it('comes back after a cut, resubscribes, and drains what was queued', async () => {
    await openSigned('page');
    await core.faults.dropConnections();
    expect(await publish('while the line was away')).toBe('queued');
    await until('live');
    expect(await received(1)).toEqual(['plants/basil while the line was away']);
    expect(await page.evaluate(() => (globalThis as unknown as PageScope).states)).toEqual(
      expect.arrayContaining(['backingOff', 'connecting', 'resubscribing', 'draining', 'live']),
    );
    // A browser cannot tell a refusal from a cut: each attempt asks for new keys.
    expect(issued.length).toBeGreaterThan(1);
    const { BROWSER_SCREENSHOT: path } = process.env;
    if (path !== undefined) await page.screenshot({ path });
    await close();
  });

  it('waits while the browser is offline, and is back as soon as that says it is online', async () => {
    await openSigned('page', { baseMs: 600_000 });
    await page.context().setOffline(true);
    await core.faults.dropConnections();
    await until('backingOff');
    expect(await publish('from the tunnel')).toBe('queued');
    await page.context().setOffline(false);
    // The retry is ten minutes away.
    await until('live');
    expect(await received(1)).toEqual(['plants/basil from the tunnel']);
    await close();
  });

  it('gets as much through as it publishes at once, in its order', async () => {
    await openSigned('page');
    const before = core.received.length;
    await page.evaluate(async () => {
      const { client } = globalThis as unknown as PageScope;
      for (let n = 0; n < 100; n++) void client.publish('bulk', new Uint8Array(100_000).fill(n));
      await client.publish('bulk', 'end', { qos: 1 });
    });
    const bulk = core.received.slice(before).map(({ payload }) => [payload.length, payload[0]]);
    expect(bulk).toEqual([...Array.from({ length: 100 }, (_, n) => [100_000, n]), [3, 'e'.charCodeAt(0)]]);
    await close();
  });

  it('signs in with keys that the AWS SDK gets from Cognito in the page, and leaves nothing behind', async () => {
    const { endpoint, webSocketPort: port, region, cognito } = core;
    await page.evaluate(
      async ({ region, cognito, ...target }) => {
        const scope = globalThis as unknown as PageScope;
        const { cognitoIdentity, createIotClient, sigV4 } = scope.page.sdk;
        const auth = sigV4({ credentials: cognitoIdentity(cognito), region });
        scope.client = createIotClient({ ...target, clientId: 'signed-in', auth });
        await scope.client.connect();
      },
      { endpoint, port, region, cognito },
    );
    expect(core.clients).toMatchObject([{ clientId: 'signed-in' }]);
    await core.faults.dropConnections();
    await until('live');
    await close();
    expect(await traces()).not.toMatch(SECRETS);
  });

  it('signs in by a custom authorizer, with a will of any bytes', async () => {
    const { endpoint, webSocketPort: port } = core;
    await page.evaluate(
      async (target) => {
        const scope = globalThis as unknown as PageScope;
        const { createIotClient, customAuthorizer } = scope.page.sdk;
        scope.client = createIotClient({
          ...target,
          clientId: 'authorized',
          auth: customAuthorizer({
            username: 'somebody',
            password: 'canary-pässword',
            token: 'canary-token',
            tokenKeyName: 'token',
          }),
          will: { topic: 'wills/page', payload: Uint8Array.of(0, 255, 128) },
        });
        await scope.client.connect();
      },
      { endpoint, port },
    );
    expect(core.clients).toMatchObject([{ clientId: 'authorized' }]);
    expect(asked.at(-1)).toEqual({ username: 'somebody', password: 'canary-pässword' });
    await core.faults.dropConnections();
    await core.when(() => core.received.some(({ topic }) => topic === 'wills/page'));
    expect(core.received.find(({ topic }) => topic === 'wills/page')?.payload).toEqual(
      Buffer.of(0, 255, 128),
    );
    await until('live');
    await close();
    expect(await traces()).not.toMatch(SECRETS);
  });

  it('speaks MQTT 5, with properties both ways', async () => {
    await using broker = await ScriptedBroker.start();
    await using front = await WebSocketFront.start(await makeLeaf(await makeAuthority()), broker.port);
    const come = await page.evaluate(
      async (target) => {
        const scope = globalThis as unknown as PageScope;
        const { createIotClient, customAuthorizer } = scope.page.sdk;
        const properties = {
          contentType: 'text/plain',
          correlationData: Uint8Array.of(0, 255),
          userProperties: { plant: ['basil', 'mint'] },
        };
        const client = createIotClient({
          ...target,
          clientId: 'page',
          protocolVersion: 5,
          session: { expirySeconds: 60 },
          auth: customAuthorizer({ username: 'somebody', password: 'canary' }),
          will: { topic: 'wills/page', payload: 'gone', properties },
        });
        await client.connect();
        const message = new Promise<Sdk.Message>((resolve) => {
          void client.subscribe('a', { qos: 1, retainAsPublished: true }, resolve);
        });
        await client.when('live');
        const { state } = await client.publish('a', 'grüezi', { qos: 1, properties });
        const received = await message;
        const { contentType, correlationData = [], userProperties } = received.properties;
        await client.close();
        return [state, received.text(), contentType, [...correlationData], userProperties?.['plant']];
      },
      { endpoint: 'localhost', port: front.port },
    );
    expect(come).toEqual(['delivered', 'grüezi', 'text/plain', [0, 255], ['basil', 'mint']]);
    const [connect] = broker.connections[0]?.received ?? [];
    expect(connect).toMatchObject({
      protocolVersion: 5,
      password: Buffer.from('canary'),
      properties: { sessionExpiryInterval: 60 },
      will: { payload: Buffer.from('gone'), properties: { correlationData: Buffer.of(0, 255) } },
    });
  });

  it('ends its session without a will when it is closed', async () => {
    await openSigned('page');
    await close();
    await core.when(() => core.clients.length === 0);
    expect(core.tap.packets({ packet: 'disconnect' })).not.toHaveLength(0);
  });

  it('fault:D-13 says that the browser does not tell why there is no line; the browser itself may name the URL', async () => {
    core.faults.refuseUpgrades({ status: 403, times: 1 });
    const { endpoint, webSocketPort: port, region } = core;
    const error = await page.evaluate(
      async ({ region, ...target }) => {
        const scope = globalThis as unknown as PageScope;
        const { createIotClient, sigV4 } = scope.page.sdk;
        const credentials = { accessKeyId: 'AKIACANARY', secretAccessKey: 'canary' };
        scope.client = createIotClient({ ...target, clientId: 'page', auth: sigV4({ credentials, region }) });
        void scope.client.connect().catch(() => {});
        const { reason } = (await scope.client.when('backingOff')) as { reason?: Error };
        return JSON.stringify([reason, String(reason?.stack), scope.client.status]);
      },
      { endpoint, port, region },
    );
    expect(error).toContain('"WEBSOCKET_FAILED"');
    expect(error).not.toMatch(SECRETS);
    expect(consoleLines.filter((line) => !line.startsWith('WebSocket connection to ')).join()).not.toMatch(
      SECRETS,
    );
    await close();
  });

  it('sec:S-29 refuses certificates, TCP, directories and authorities of its own', async () => {
    const codes = await page.evaluate(() => {
      const { createIotClient, customAuthorizer, levelStore, mutualTls, plainTcp } = (
        globalThis as unknown as PageScope
      ).page.sdk;
      const auth = customAuthorizer({ name: 'a' });
      const uses = [
        () => mutualTls({ cert: 'a', key: 'b' } as never),
        () => plainTcp({} as never),
        () => levelStore({ directory: 'a' } as never),
        () => createIotClient({ endpoint: 'a', auth, ca: 'a' as never }),
      ];
      return uses.map((use) => {
        try {
          return use();
        } catch (error) {
          return (error as Sdk.IotError).code;
        }
      });
    });
    expect(codes).toEqual(Array.from({ length: 4 }, () => 'INVALID_ARGUMENT'));
  });

  it('names the one command when a package is missing that Vite did not find', async () => {
    await using lean = await serve(join(inject('installedApp'), 'lean'));
    await page.goto(lean.url);
    const error = await page.evaluate(async () => {
      const { createIotClient, sigV4 } = (globalThis as unknown as PageScope).page.sdk;
      const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
      const auth = sigV4({ credentials, region: 'us-east-1' });
      const client = createIotClient({ endpoint: 'localhost', auth });
      const why = await client.connect().catch((error: Sdk.IotError) => error);
      await client.close();
      return [why?.code, why?.remediation];
    });
    expect(error).toEqual(['MISSING_PACKAGE', 'run: npm install aws4fetch@1']);
  });
});
