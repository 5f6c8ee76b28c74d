// What mosquitto refuses, and how its answer reads here.
import { describe, expect, it } from 'vitest';

import { type IotClient, type Message, plainTcp } from '../../src/index.ts';
import { Mosquitto } from '../support/mosquitto.mjs';
import {
  afterThisTest,
  hashed,
  IMPATIENT,
  Inbox,
  makeClient,
  nextReason,
  startMosquitto,
} from './support.ts';

const ACL = ['user lamp', 'topic readwrite allowed/#', 'user watcher', 'topic read #'].join('\n');

/** A device that may do little, and somebody who sees everything that got through. */
async function startWithAcl(protocolVersion: 4 | 5) {
  const world = await startMosquitto({ settings: ['acl_file acl'], files: { acl: `${ACL}\n` } });
  const lamp = await world.client('lamp', { protocolVersion });
  const watcher = await world.client('watcher', { protocolVersion });
  await Promise.all([lamp.connect(), watcher.connect()]);
  const seen = new Inbox<Message>();
  await watcher.subscribe('#', { qos: 1 }, seen.put);
  return { lamp, seen };
}

describe('what the ACL of mosquitto denies', () => {
  it('fault:C-2 a publish of MQTT 3.1.1: it acknowledges, and drops it without a word', async () => {
    const { lamp, seen } = await startWithAcl(4);
    expect((await lamp.publish('denied', 'x', { qos: 1 })).state).toBe('delivered');
    await lamp.publish('allowed/a', 'y', { qos: 1 });
    await seen.count(1);
    expect(seen.all.map(({ topic }) => topic)).toEqual(['allowed/a']);
  });

  it('fault:B-5 a publish of MQTT 5: it says so in the PUBACK, and the publish rejects', async () => {
    const { lamp, seen } = await startWithAcl(5);
    await expect(lamp.publish('denied', 'x', { qos: 1 })).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      reasonCode: 0x87,
    });
    expect((await lamp.publish('allowed/a', 'y', { qos: 1 })).state).toBe('delivered');
    await seen.count(1);
    expect(seen.all.map(({ topic }) => topic)).toEqual(['allowed/a']);
  });

  it.each([4, 5] as const)(
    'a subscribe, protocol version %i: it grants, and delivers nothing',
    async (version) => {
      const { lamp } = await startWithAcl(version);
      const inbox = new Inbox<Message>();
      expect((await lamp.subscribe('denied', { qos: 1 }, inbox.put)).state).toBe('granted');
      await lamp.subscribe('#', { qos: 1 }, inbox.put);
      await lamp.publish('allowed/a', 'y', { qos: 1 });
      await inbox.count(1);
      expect(inbox.all.map(({ topic }) => topic)).toEqual(['allowed/a']);
    },
  );
});

describe('user name and password', () => {
  const startWithPasswords = async () => {
    const broker = await Mosquitto.start({
      settings: ['allow_anonymous false', 'password_file passwords'],
      files: { passwords: `lamp:${hashed('let me in')}\n` },
    });
    afterThisTest(() => broker.remove());
    return (protocolVersion: 4 | 5, credentials: Parameters<typeof plainTcp>[0]) =>
      makeClient({
        ...IMPATIENT,
        endpoint: '127.0.0.1',
        port: broker.port,
        clientId: 'lamp',
        auth: plainTcp(credentials),
        protocolVersion,
      });
  };

  it.each([4, 5] as const)('open the door, protocol version %i', async (version) => {
    const client = await startWithPasswords();
    const lamp = client(version, { username: 'lamp', password: 'let me in' });
    await lamp.connect();
    expect((await lamp.publish('a', 'b', { qos: 1 })).state).toBe('delivered');
  });

  it.each([
    [4, { username: 'lamp', password: 'wrong' }],
    [4, undefined],
    [5, { username: 'lamp', password: 'wrong' }],
    [5, undefined],
  ] as const)('are refused when they are wrong, protocol version %i, %j', async (version, credentials) => {
    const client = await startWithPasswords();
    await expect(client(version, credentials).connect()).rejects.toMatchObject({
      code: 'NOT_AUTHORIZED',
      recovery: 'retrySlowly',
      reasonCode: version === 4 ? 5 : 0x87,
    });
  });
});

// In MQTT 5 a broker may say why it ends a connection. This one does not when it shuts down, or gives a client id away.
describe.each([4, 5] as const)(
  'what mosquitto does without a word, protocol version %i',
  (protocolVersion) => {
    it('fault:C-1 gives the client id to a second client: the duel is found out, and ends', async () => {
      const world = await startMosquitto();
      const options = { protocolVersion, reconnect: { baseMs: 50, maxMs: 60_000, stableMs: 70_000 } };
      const first = await world.client('lamp', options);
      await first.connect();
      const second = await world.client('lamp', options);
      const losses = new Inbox<{ client: IotClient; code: string | undefined }>();
      for (const client of [first, second]) {
        client.on('status', (status) => {
          if (status.state === 'backingOff') losses.put({ client, code: status.reason?.code });
        });
      }
      await second.connect();
      const all = await losses.until((each) => each.some(({ code }) => code === 'DUPLICATE_CLIENT_ID'));
      expect(new Set(all.map(({ code }) => code))).toEqual(
        new Set(['CONNECTION_LOST', 'DUPLICATE_CLIENT_ID']),
      );
      const loser = all.find(({ code }) => code === 'DUPLICATE_CLIENT_ID')?.client;
      const winner = loser === first ? second : first;
      await winner.when('live');
      expect(loser?.status).toMatchObject({ state: 'backingOff', reason: { recovery: 'retrySlowly' } });
    });

    it('fault:A-5 shuts down: the client comes back when the broker does', async () => {
      const world = await startMosquitto();
      const lamp = await world.client('lamp', { protocolVersion });
      await lamp.connect();
      const reason = nextReason(lamp);
      await world.broker.stop();
      expect(await reason).toBe('CONNECTION_LOST');
      await world.broker.start();
      await lamp.when('live');
    });
  },
);
