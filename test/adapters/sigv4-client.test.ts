import tls from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import {
  type AwsCredentials,
  type CredentialRequest,
  createIotClient,
  type IotClientOptions,
  sigV4,
} from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { LOOPBACK } from '../../src/testing/loopback.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { makeAuthority, makeLeaf } from '../support/certificates.ts';
import { refusal, type Upgrade, WebSocketFront } from '../support/web-socket-front.ts';

let ca: string;
let broker: ScriptedBroker;
let front: WebSocketFront;

beforeAll(async () => {
  const authority = await makeAuthority();
  ca = authority.cert;
  broker = await ScriptedBroker.start();
  front = await WebSocketFront.start(await makeLeaf(authority), broker.port);
});
afterEach(async () => {
  await broker.dropConnections();
  front.upgrades.length = 0;
  front.onUpgrade = (upgrade) => front.passOn(upgrade);
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await broker.stop();
});

const KEYS: AwsCredentials = {
  accessKeyId: 'AKIDCANARY0000000001',
  secretAccessKey: 'canary/secret',
  sessionToken: 'canary/token',
};

const BACKOFF = { baseMs: 1_000, maxMs: 60_000, stableMs: 20_000, jitter: 'none' } as const;

const clientOf = (auth: IotClientOptions['auth'], options: Partial<IotClientOptions> = {}) =>
  createIotClient({
    ...{ endpoint: LOOPBACK, port: front.port, ca, clientId: 'lamp', auth, reconnect: BACKOFF },
    ...options,
  });

/** A provider that numbers its keys, and notes what it was asked. */
function provider() {
  const requests: CredentialRequest[] = [];
  const credentials = ({ forceRefresh }: CredentialRequest): AwsCredentials => {
    requests.push({ forceRefresh });
    return { ...KEYS, accessKeyId: `AKIDCANARY000000000${requests.length}` };
  };
  return { requests, auth: sigV4({ region: 'us-east-1', credentials }) };
}

const parameter = ({ request }: Upgrade, name: string): string =>
  new URL(request.url ?? '', 'wss://host').searchParams.get(name) ?? '';
const keyOf = (upgrade: Upgrade): string => parameter(upgrade, 'X-Amz-Credential').split('/')[0] ?? '';

const backedOff = async (client: ReturnType<typeof clientOf>, attempt: number) => {
  for await (const status of client.statusChanges()) {
    if (status.state === 'backingOff' && status.attempt === attempt) return status;
  }
  throw new Error('the client was closed');
};

it('after a 403 keys are asked for anew once, and then it is slow, for ever (py:C18, fault:D-12)', async () => {
  const { requests, auth } = provider();
  const clock = new SimulatedClock();
  await using client = clientOf(auth, { clock });
  front.onUpgrade = (upgrade) => upgrade.answer(refusal('403 Forbidden'));
  const delays: number[] = [];
  const attempts: Promise<unknown>[] = [client.connect().catch(() => undefined)];
  for (let attempt = 1; attempt <= 3; attempt++) {
    const { retryAt, reason } = await backedOff(client, attempt);
    expect(reason).toMatchObject({ code: 'BAD_CREDENTIALS', recovery: 'reauthenticate' });
    delays.push(retryAt - clock.now());
    clock.advance(retryAt - clock.now());
  }
  await backedOff(client, 4);
  expect(delays).toEqual([BACKOFF.baseMs, BACKOFF.maxMs, BACKOFF.maxMs]);
  expect(requests.map(({ forceRefresh }) => forceRefresh)).toEqual([false, true, true, true]);
  expect(front.upgrades.map(keyOf)).toEqual([1, 2, 3, 4].map((n) => `AKIDCANARY000000000${n}`));
  await client.close();
  await Promise.all(attempts);
});

it('keys that have ended are used for no other line: each has a URL of its own (fault:D-9)', async () => {
  const { requests, auth } = provider();
  const clock = new SimulatedClock();
  await using client = clientOf(auth, { clock });
  await client.connect();
  await client.when('live');
  for (let lines = 2; lines <= 3; lines++) {
    const lost = backedOff(client, lines - 1);
    await broker.dropConnections();
    clock.advance((await lost).retryAt - clock.now());
    await client.when('live');
  }
  expect(requests).toEqual([1, 2, 3].map(() => ({ forceRefresh: false })));
  expect(front.upgrades.map(keyOf)).toEqual([1, 2, 3].map((n) => `AKIDCANARY000000000${n}`));
  expect(new Set(front.upgrades.map((one) => parameter(one, 'X-Amz-Signature'))).size).toBe(3);
  const closing = client.close({ flushTimeoutMs: 0 });
  clock.advance(60_000);
  await closing;
});

it.each([
  ['ahead', 3_600_000],
  ['behind', -3_600_000],
])('a server whose clock is an hour %s lets it in at the second attempt (fault:D-11)', async (_, off) => {
  const serverTime = (): number => Date.now() + off;
  front.onUpgrade = (upgrade) => {
    const time = parameter(upgrade, 'X-Amz-Date').replace(
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
      '$1-$2-$3T$4:$5:$6Z',
    );
    const isNow = Math.abs(Date.parse(time) - serverTime()) < 300_000;
    if (isNow) front.passOn(upgrade);
    else upgrade.answer(refusal('403 Forbidden', { Date: new Date(serverTime()).toUTCString() }));
  };
  await using client = clientOf(provider().auth, { reconnect: { ...BACKOFF, baseMs: 1, maxMs: 1 } });
  await client.connect().catch(() => client.when('live'));
  await client.when('live');
  expect(front.upgrades).toHaveLength(2);
});

it.each([
  ['407 Proxy Authentication Required', 'WEBSOCKET_REFUSED', BACKOFF.maxMs],
  ['502 Bad Gateway', 'SERVER_UNAVAILABLE', BACKOFF.baseMs],
] as const)(
  'a proxy that answers %s is tried again as that asks (fault:A-21)',
  async (status, code, delayMs) => {
    const clock = new SimulatedClock();
    await using client = clientOf(provider().auth, { clock });
    front.onUpgrade = (upgrade) => upgrade.answer(refusal(status));
    const connecting = client.connect().catch(() => undefined);
    const { retryAt, reason } = await backedOff(client, 1);
    expect(reason?.code).toBe(code);
    expect(reason?.message).toContain(status.slice(0, 3));
    expect(retryAt - clock.now()).toBe(delayMs);
    await client.close();
    await connecting;
  },
);

it('no key, token, signature or URL is in anything that is shown, while it fails and while it lives (sec:S-8)', async () => {
  const sockets = vi.spyOn(tls, 'connect');
  const printed = [vi.spyOn(console, 'log'), vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')];
  const written = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
  const warned = vi.spyOn(process, 'emitWarning');
  onTestFinished(() => {
    for (const spy of [...printed, ...written, warned, sockets]) spy.mockRestore();
  });
  const { auth } = provider();
  const seen: unknown[] = [auth];
  const answers = [
    refusal('403 Forbidden', { Date: 'Sun, 01 Mar 2026 12:00:00 GMT' }),
    refusal('302 Found', { Location: '/elsewhere' }),
    '<html>',
  ];
  front.onUpgrade = (upgrade) => {
    const answer = answers.shift();
    if (answer === undefined) front.passOn(upgrade);
    else upgrade.answer(answer);
  };
  await using client = clientOf(auth, { reconnect: { ...BACKOFF, baseMs: 1, maxMs: 1 } });
  for (const event of ['status', 'warning', 'undelivered'] as const)
    client.on(event, (value) => seen.push(value));
  await client.connect().catch((error: unknown) => seen.push(error));
  await client.when('live');
  const actor = actorOf(client);
  seen.push(client, client.status, actor.getSnapshot(), actor.getPersistedSnapshot());
  for (const child of Object.values(actor.getSnapshot().children)) seen.push(child?.getSnapshot());
  // Nothing refers any more to the sockets of upgrades that were refused.
  const live = sockets.mock.results.at(-1)?.value as unknown;
  const signatures = front.upgrades.map((upgrade) => parameter(upgrade, 'X-Amz-Signature'));
  expect(signatures).toHaveLength(4);
  const secret = new RegExp(`canary|X-Amz-|${signatures.join('|')}`, 'i');
  const options = { depth: 6, maxStringLength: null, maxArrayLength: null };
  for (const value of seen) expect(inspect(value, options).search(secret)).toBe(-1);
  const hidden = inspect([auth, live], { ...options, showHidden: true });
  expect(hidden.search(secret)).toBe(-1);
  for (const spy of [...printed, ...written, warned])
    for (const call of spy.mock.calls) expect(String(call[0])).not.toMatch(secret);
});
