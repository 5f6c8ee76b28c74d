import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActor, fromPromise, setup } from 'xstate';
import type { IotClientOptions } from '../../src/client/options.ts';
import { createIotClient, customAuthorizer, type IotClient, mutualTls, sigV4 } from '../../src/index.ts';
import type { Inspector } from '../../src/inspect/serve-inspector.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { failureOf, judged } from '../client/support.ts';
import { secret, secretIn, secretKey } from '../support/canaries.ts';
import type { Tab } from './feed-support.ts';
import { served, tabOf } from './served.ts';

const PASSPHRASE = secret('canary-passphrase-51cc');
const PASSWORD = secret('canary-password-a9e4');
const KEY = `-----BEGIN PRIVATE KEY-----\nMIIcanaryKey${'A'.repeat(60)}\n-----END PRIVATE KEY-----`;
const DOCUMENT = 'what-is-in-a-document';
const QUICK = { baseMs: 5, maxMs: 20, stableMs: 10_000, jitter: 'none' } as const;

let core: LocalIotCore;
beforeAll(async () => {
  core = await startLocalIotCore({
    limits: NO_RATE_LIMITS,
    authorizer: ({ password }) => Buffer.from(password ?? '').toString() === PASSWORD,
    onWarning: () => undefined,
  });
});
afterAll(() => core.stop());

/** A tab that shows nothing of payloads, and one that shows how they begin. */
async function watchers(client: IotClient): Promise<{ none: Tab; truncated: Tab }> {
  const open = async (payloads: 'none' | 'truncated'): Promise<Tab> =>
    tabOf(await served(client, { payloads }));
  return { none: await open('none'), truncated: await open('truncated') };
}

/** A whole life: it connects, publishes, has a shadow, loses its line, is refused, comes back and ends. */
async function lived(options: IotClientOptions): Promise<{ none: string; truncated: string }> {
  const client = judged(createIotClient({ reconnect: QUICK, ...options }));
  const { none, truncated } = await watchers(client);
  await client.connect();
  await client.when('live');
  const shadow = client.shadow(options.clientId ?? '');
  shadow.onDelta(() => undefined);
  await shadow.whenSynced();
  await shadow.update({
    reported: { note: DOCUMENT, password: PASSWORD },
    desired: { note: `${DOCUMENT} too` },
  });
  await client.subscribe('words', { qos: 1 }, () => undefined);
  await client.publish('words', { password: PASSWORD, note: DOCUMENT }, { qos: 1 });
  core.faults.refuse({ returnCode: 5, times: 1 });
  await core.faults.dropConnections({ clientId: options.clientId ?? '' });
  await client.when('backingOff');
  await client.connect().catch(() => undefined);
  await client.when('live');
  await client.close();
  for (const tab of [none, truncated])
    await tab.until(() => [...tab.clients.values()][0]?.state === 'closed');
  return { none: none.received, truncated: truncated.received };
}

const texts = ({ none, truncated }: { none: string; truncated: string }) => [none, truncated];

describe('sec:S-22 what the live page is told in the whole life of a client', () => {
  it('has nothing of a key and its passphrase in it', async () => {
    const { cert, key } = await core.deviceCredentials('key');
    secretKey(key);
    const told = await lived({
      ...core.deviceOptions('key'),
      auth: mutualTls({ cert, key, passphrase: PASSPHRASE }),
    });
    for (const text of texts(told)) expect(secretIn(text)).toBeUndefined();
    expect(told.none).not.toContain(DOCUMENT);
    expect(told.truncated).toContain(DOCUMENT);
    expect(told.none).toContain('NOT_AUTHORIZED');
  });

  it('has nothing of AWS credentials and signatures in it', async () => {
    const credentials = core.issueCredentials();
    for (const text of [credentials.accessKeyId, credentials.secretAccessKey, credentials.sessionToken ?? ''])
      if (text !== '') secret(text);
    const told = await lived({
      ...core.webSocketOptions('signed'),
      auth: sigV4({ credentials: () => credentials, region: 'us-east-1' }),
    });
    for (const text of texts(told)) {
      expect(secretIn(text)).toBeUndefined();
      expect(text).not.toMatch(/X-Amz-Signature=(?!\[redacted\])/);
    }
    expect(told.none).not.toContain(DOCUMENT);
  });

  it('has nothing of the password for a custom authorizer in it', async () => {
    const auth = customAuthorizer({ name: 'Mine', username: 'lamp', password: PASSWORD });
    const told = await lived({ ...core.webSocketOptions('custom'), auth });
    for (const text of texts(told)) expect(secretIn(text)).toBeUndefined();
  });

  it('has nothing of them in it when the sign-in fails', async () => {
    const { cert } = await core.deviceCredentials('failing');
    const wrongs: Partial<IotClientOptions>[] = [
      { ...core.deviceOptions('failing'), auth: mutualTls({ cert, key: KEY, passphrase: PASSPHRASE }) },
      {
        ...core.webSocketOptions('failing'),
        auth: customAuthorizer({ name: 'Mine', username: 'lamp', password: secret('canary-wrong-password') }),
      },
      {
        ...core.webSocketOptions('failing'),
        auth: sigV4({
          credentials: { accessKeyId: 'AKIDEXAMPLECANARY', secretAccessKey: PASSWORD },
          region: 'eu-west-1',
        }),
      },
    ];
    for (const options of wrongs) {
      const client = judged(createIotClient({ reconnect: QUICK, ...options } as IotClientOptions));
      const { none, truncated } = await watchers(client);
      await failureOf(client.connect());
      await client.close({ flushTimeoutMs: 0 });
      for (const tab of [none, truncated]) {
        await tab.until(() => [...tab.clients.values()][0]?.state === 'closed');
        expect(secretIn(tab.received)).toBeUndefined();
      }
    }
  });
});

describe('sec:S-22 what the live page is told of an app', () => {
  const url = `wss://host.local/mqtt?X-Amz-Signature=${'a1'.repeat(32)}&X-Amz-Security-Token=${PASSWORD}`;
  const signing = setup({
    types: { input: {} as { password: string }, context: {} as { password: string; user: object } },
    actors: {
      sign: fromPromise<{ url: string }, { token: string }>(async () => ({ url })),
      fails: fromPromise<never, { url: string }>(async ({ input }) =>
        Promise.reject(new Error(`cannot open ${input.url}`, { cause: { authorization: PASSWORD } })),
      ),
    },
  }).createMachine({
    id: 'signing',
    context: ({ input }) => ({
      password: input.password,
      user: { name: 'lamp', sessionToken: input.password },
    }),
    invoke: [
      { src: 'sign', id: 'sign', input: ({ context }) => ({ token: context.password }) },
      { src: 'fails', id: 'fails', input: { url }, onError: {} },
    ],
  });

  const watched = async (inspector: Inspector): Promise<string> => {
    const tab = await tabOf(inspector);
    await tab.until(
      () => tab.actor('signing/sign')?.status === 'done' && tab.actor('signing/fails')?.status === 'error',
    );
    return tab.received;
  };

  it.each(['none', 'size', 'truncated'] as const)(
    'has no secret in it, with payloads: %s',
    async (payloads) => {
      const actor = createActor(signing, { input: { password: PASSWORD } });
      const inspector = await served(actor, { payloads });
      actor.start();
      actor.send({ type: `password=${PASSWORD}`, headers: [['authorization', PASSWORD]] });
      const text = await watched(inspector);
      expect(secretIn(text)).toBeUndefined();
      expect(text).toContain('cannot open wss://host.local/mqtt?[redacted]');
      actor.stop();
    },
  );
});
