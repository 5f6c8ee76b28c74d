// What a page imports, on Node: with the WebSocket of `ws` in the place of a browser's. Real Chromium is test/browser.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import {
  cognitoIdentity,
  createIotClient,
  customAuthorizer,
  type IotClientOptions,
  IotError,
  levelStore,
  memoryStore,
  mutualTls,
  plainTcp,
  sigV4,
} from '../../src/browser.ts';
import { levelStore as levelStoreOfNode } from '../../src/index.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';

let core: LocalIotCore;

beforeAll(async () => {
  core = await startLocalIotCore({
    limits: NO_RATE_LIMITS,
    authorizer: ({ username, password, parameters }) =>
      username === 'somebody' && String(password) === 'canary-password' && parameters['token'] === 'canary',
  });
});
afterAll(() => core.stop());

beforeEach(() => {
  vi.stubGlobal(
    'WebSocket',
    class extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { ca: core.ca });
      }
    },
  );
});

const options = (more: Partial<IotClientOptions> = {}): IotClientOptions => ({
  endpoint: core.endpoint,
  port: core.webSocketPort,
  clientId: 'page',
  auth: sigV4({ credentials: () => core.issueCredentials(), region: core.region }),
  reconnect: { baseMs: 1 },
  ...more,
});

describe('a client as a page has it', () => {
  it('needs no id, also where browsers make no UUID: on a page of plain http', () => {
    const { crypto } = globalThis;
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array) => crypto.getRandomValues(bytes) });
    const { clientId: _, ...rest } = options({ auth: customAuthorizer({ name: 'gate' }) });
    const ids = [createIotClient(rest), createIotClient(rest)].map(({ clientId }) => clientId);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[\da-f]{32}$/);
  });

  it('sends and receives', async () => {
    await using client = createIotClient(options());
    await client.connect();
    const come = new Promise((resolve) => {
      void client.subscribe('a/+', { qos: 1 }, (message) => resolve([message.topic, message.text()]));
    });
    await client.when('live');
    expect((await client.publish('a/b', 'grüezi', { qos: 1 })).state).toBe('delivered');
    expect(await come).toEqual(['a/b', 'grüezi']);
  });

  it('asks for other keys after any end, because a browser cannot tell a refusal', async () => {
    const asked: boolean[] = [];
    const credentials = ({ forceRefresh }: { readonly forceRefresh: boolean }) => {
      asked.push(forceRefresh);
      return core.issueCredentials();
    };
    await using client = createIotClient(options({ auth: sigV4({ credentials, region: core.region }) }));
    await client.connect();
    await core.faults.dropConnections();
    await client.when('backingOff');
    await client.when('live');
    expect(asked).toEqual([false, true]);
  });

  it('publishes its will when the page vanishes, and not when it says goodbye', async () => {
    const will = { topic: 'wills/page', payload: Uint8Array.of(0, 255, 128), qos: 1 } as const;
    const client = createIotClient(options({ will }));
    await client.connect();
    await core.faults.dropConnections();
    await core.when(() => core.received.some(({ topic }) => topic === 'wills/page'));
    expect(core.received.at(-1)?.payload).toEqual(Buffer.from(will.payload));
    await client.when('live');
    const wills = core.received.length;
    await client.close();
    await core.when(() => core.clients.length === 0);
    expect(core.received.length).toBe(wills);
  });

  it('signs in by a custom authorizer', async () => {
    const auth = customAuthorizer({
      username: 'somebody',
      password: 'canary-password',
      token: 'canary',
      tokenKeyName: 'token',
    });
    await using client = createIotClient(options({ auth }));
    await client.connect();
    expect(core.clients).toMatchObject([{ clientId: 'page' }]);
  });

  it('signs in with keys of Cognito', async () => {
    const auth = sigV4({ credentials: cognitoIdentity(core.cognito), region: core.region });
    await using client = createIotClient(options({ auth }));
    await client.connect();
    expect(core.clients).toMatchObject([{ clientId: 'page' }]);
  });
});

describe('sec:S-29 what a page cannot have is refused where it is written', () => {
  const never = undefined as never;
  it.each<[string, () => unknown, RegExp]>([
    ['certificates', () => mutualTls(never), /^mutualTls\(\) cannot be used in a browser/],
    ['TCP', () => plainTcp(never), /^plainTcp\(\) cannot be used in a browser/],
    ['a directory', () => levelStore(never), /^levelStore\(\) cannot be used in a browser/],
    ['keys from nowhere', () => sigV4({} as { credentials: never }), /^credentials must be/],
    [
      'an authority of its own',
      () => createIotClient(options({ ca: 'ca.pem' as never })),
      /^ca must be left out/,
    ],
    [
      'a store on a disk',
      () =>
        createIotClient(options({ offlineQueue: { store: levelStoreOfNode({ directory: 'x' }) as never } })),
      /^offlineQueue.store must be memoryStore\(\)/,
    ],
    [
      'MQTT without a WebSocket',
      () => customAuthorizer({ name: 'a', webSocket: false as never }),
      /^webSocket must be true or left out/,
    ],
  ])('%s', (_what, use, message) => {
    expect(use).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(message) as string,
      }),
    );
    expect(use).toThrow(IotError);
  });

  it('but memory for its queue', async () => {
    await createIotClient(options({ offlineQueue: { store: memoryStore() } })).close();
  });
});
