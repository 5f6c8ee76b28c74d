import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createIotClient, IotError, mutualTls, plainTcp } from '../../src/index.ts';
import { actorOf } from '../../src/machines/index.ts';
import { watchModules } from '../support/watched-modules.ts';
import { clientOf, failureOf, freshId, judged, useCore } from './support.ts';

const theCore = useCore();

/** The package once more, every module of it, as two dependencies of an app bring it along. */
let other: typeof import('../../src/index.ts') &
  Pick<typeof import('../../src/machines/index.ts'), 'actorOf'>;

beforeAll(async () => {
  vi.resetModules();
  watchModules();
  const [index, machines] = await Promise.all([
    import('../../src/index.ts'),
    import('../../src/machines/index.ts'),
  ]);
  other = { ...index, actorOf: machines.actorOf };
});

describe('fault:G-10 two copies of the package', () => {
  it('are two: no class is the same', () => {
    expect(other.IotError).not.toBe(IotError);
    expect(new other.IotError('TIMEOUT', 'late')).not.toBeInstanceOf(IotError);
  });

  it('know each other’s errors, by brand and code', () => {
    const theirs = new other.IotError('NOT_AUTHORIZED', 'no', { reasonCode: 5, remediation: 'ask' });
    const ours = new IotError('QUEUE_FULL', 'full');
    expect([IotError.is(theirs), other.IotError.is(ours)]).toEqual([true, true]);
    expect(theirs).toMatchObject({ code: 'NOT_AUTHORIZED', recovery: 'retrySlowly', reasonCode: 5 });
    expect(IotError.is({ name: 'IotError', code: 'NOT_AUTHORIZED' })).toBe(false);
    expect(IotError.is(new Error('NOT_AUTHORIZED'))).toBe(false);
  });

  it('find the actor of each other’s clients', () => {
    const ours = clientOf(theCore());
    const theirs = judged(other.createIotClient(theCore().plainOptions(freshId())));
    expect(other.actorOf(ours)).toBe(actorOf(ours));
    expect(actorOf(theirs)).toBe(other.actorOf(theirs));
    expect(actorOf(theirs).getSnapshot().value).toEqual({ open: 'running' });
  });

  it('sign in with each other’s auth, and publish', async () => {
    const core = theCore();
    const { endpoint, port, ca, cert, key } = await core.deviceCredentials('lamp');
    const place = { endpoint, ca, clientId: 'lamp' };
    const plain = { endpoint, port: core.plainPort ?? 0 };
    const clients = [
      createIotClient({ ...place, port, auth: other.mutualTls({ cert, key }) }),
      createIotClient({ ...plain, clientId: freshId(), auth: other.plainTcp() }),
      other.createIotClient({ ...place, port, clientId: 'lamp-2', auth: mutualTls({ cert, key }) }),
      other.createIotClient({ ...plain, clientId: freshId(), auth: plainTcp() }),
      other.createIotClient(core.deviceOptions(freshId())),
    ].map((client) => judged(client));
    for (const client of clients) {
      await client.connect();
      const { delivered } = await client.publish('copies', '', { qos: 1 });
      await delivered;
      await client.close();
    }
  });

  it('an error that the other copy’s auth throws means for the line what its code says', async () => {
    const core = theCore();
    const [lamp, heater] = await Promise.all([
      core.deviceCredentials('lamp'),
      core.deviceCredentials('heater'),
    ]);
    const { endpoint, port, ca, cert } = lamp;
    const auth = other.mutualTls({ cert, key: heater.key });
    const client = judged(createIotClient({ endpoint, port, ca, clientId: 'lamp', auth }));
    const error = await failureOf(client.connect());
    expect(error).toMatchObject({ code: 'KEY_MISMATCH', recovery: 'fatal' });
    expect(error).not.toBeInstanceOf(IotError);
    expect(client.status.state).toBe('failed');
  });

  it('what the other copy’s client rejects with is matched by this copy', async () => {
    const client = judged(other.createIotClient(theCore().plainOptions(freshId())));
    expect(await failureOf(client.publish('a/#', ''))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    await client.close();
    expect(await failureOf(client.connect())).toMatchObject({ code: 'CLOSED' });
  });
});
