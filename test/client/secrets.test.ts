import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { createIotClient, type IotClientOptions, mutualTls, plainTcp } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { clientOf, failureOf, freshId, judged, thrownBy, useCore } from './support.ts';

const theCore = useCore();

const PASSPHRASE = 'canary-passphrase-7f3a';
const PASSWORD = 'canary-password-91bc';
const KEY = `-----BEGIN PRIVATE KEY-----\nMIIcanaryKey${'A'.repeat(60)}\n-----END PRIVATE KEY-----`;
const CANARIES = /canary/i;

/** Everything that prints, serialises or walks a value shows. */
function shown(value: unknown): string {
  const deep = inspect(value, { depth: 6, maxArrayLength: 1_000, maxStringLength: null });
  let json: string;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    json = inspect(error);
  }
  return `${deep}\n${json}`;
}

describe('sec:S-6, sec:S-7 secrets', () => {
  it('are in nothing that a client shows, while it fails', async () => {
    const { cert } = await theCore().deviceCredentials('lamp');
    const auth = mutualTls({ cert, key: KEY, passphrase: PASSPHRASE });
    const client = judged(createIotClient({ ...theCore().deviceOptions(freshId()), auth }));
    const seen: unknown[] = [];
    for (const event of ['status', 'warning', 'undelivered'] as const)
      client.on(event, (value) => seen.push(value));
    const receipt = await client.publish('a', 'b', { expiresInMs: 60_000 });
    seen.push(await failureOf(client.connect()), client, client.status, receipt, auth);
    const actor = actorOf(client);
    const { children } = actor.getSnapshot();
    seen.push(actor.getSnapshot(), actor.getPersistedSnapshot());
    for (const child of Object.values(children)) seen.push(child?.getSnapshot());
    const again = failureOf(client.connect());
    await client.close();
    seen.push(await again);
    for (const value of seen) expect(shown(value)).not.toMatch(CANARIES);
  });

  it('are in nothing that a live client shows', async () => {
    const core = theCore();
    const credentials = await core.deviceCredentials('live-lamp');
    const keyBody = credentials.key.split('\n')[2]!;
    const { endpoint, port, ca, cert, key } = credentials;
    const options: IotClientOptions = {
      ...{ endpoint, port, ca, clientId: 'live-lamp' },
      auth: mutualTls({ cert, key, passphrase: PASSPHRASE }),
      will: { topic: 'gone', payload: PASSWORD },
    };
    const client = judged(createIotClient(options));
    await client.connect();
    await client.when('live');
    const actor = actorOf(client);
    const snapshot = actor.getSnapshot();
    const values: unknown[] = [client, client.status, snapshot, actor.getPersistedSnapshot(), options.auth];
    for (const child of Object.values(snapshot.children)) values.push(child?.getSnapshot());
    expect(keyBody.length).toBeGreaterThan(20);
    for (const value of values) {
      expect(shown(value)).not.toContain(keyBody);
      expect(shown(value)).not.toMatch(CANARIES);
    }
  });

  it('are not quoted by the errors of options', () => {
    const place = { endpoint: 'broker.local', clientId: 'lamp' };
    const wrong = (options: object): IotClientOptions => options as IotClientOptions;
    const errors = [
      () => createIotClient(wrong({ ...place, auth: KEY })),
      () => createIotClient(wrong({ ...place, auth: PASSWORD })),
      () => createIotClient(wrong({ ...place, auth: { key: KEY, passphrase: PASSPHRASE } })),
      () => createIotClient(wrong({ ...place, auth: plainTcp(), password: PASSWORD })),
      () =>
        createIotClient(wrong({ ...place, auth: plainTcp(), ca: `MII${KEY.slice(28, 80)}canary`.repeat(2) })),
      () => mutualTls({ cert: 'cert.pem', key: 'key.pem', passphrase: { PASSPHRASE } as never }),
      () => mutualTls({ cert: 'cert.pem', key: { KEY } as never }),
    ].map(thrownBy);
    for (const error of errors) {
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(`${shown(error)} ${error.stack?.split('\n    at')[0]}`).not.toMatch(/canary-|MIIcanary/);
    }
  });

  it('and payloads are not in what a client says of them', async () => {
    const printed = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error'), vi.spyOn(console, 'log')];
    const client = clientOf(theCore(), { offlineQueue: { maxMessages: 1, overflow: 'dropOldest' } });
    const seen: unknown[] = [client];
    client.on('undelivered', (event) => seen.push(event));
    seen.push(await client.publish('a', PASSWORD), await client.publish('a', PASSWORD), client.status);
    const cyclic: { secret: string; self?: unknown } = { secret: PASSWORD };
    cyclic.self = cyclic;
    seen.push((await failureOf(client.publish('a', cyclic))).message);
    seen.push(actorOf(client).getSnapshot());
    await client.close();
    // The second publish evicted the first, and close() ended the second.
    expect(seen).toHaveLength(8);
    for (const value of seen) expect(shown(value)).not.toMatch(CANARIES);
    for (const spy of printed) expect(spy).not.toHaveBeenCalled();
  });
});
