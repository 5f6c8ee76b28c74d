import { describe, expect, test } from 'vitest';
import type { IotError } from '../../src/protocol/errors.ts';
import type { OutgoingMessage } from '../../src/protocol/message.ts';
import type { ConnackAnswer } from '../../src/testing/broker-connection.ts';
import { type LiveLine, liveLine, settled, turn } from './live-line.ts';

const message: OutgoingMessage = { topic: 'plants/basil', payload: 'dry', qos: 1, retain: false };

const live = (properties: ConnackAnswer['properties'] = {}) =>
  liveLine({ protocolVersion: 5 }, { properties });

/** A publish whose calls of `done` are noted. */
function publish({ line }: LiveLine, changes: Partial<OutgoingMessage> = {}): (IotError | undefined)[] {
  const calls: (IotError | undefined)[] = [];
  line.live.publish({ ...message, ...changes }, (error) => calls.push(error));
  return calls;
}

describe('publish', () => {
  test('carries its properties to the broker', async () => {
    await using connection = await live();
    publish(connection, {
      properties: {
        contentType: 'application/json',
        payloadFormat: 'utf8',
        responseTopic: 'answers',
        correlationData: Uint8Array.of(1, 2),
        messageExpirySeconds: 60,
        userProperties: { site: 'north', tag: ['a', 'b'] },
      },
    });
    const { properties = {}, payload } = await connection.there.next('publish');
    expect(payload.toString()).toBe('dry');
    expect({ ...properties, userProperties: { ...properties.userProperties } }).toEqual({
      contentType: 'application/json',
      payloadFormatIndicator: true,
      responseTopic: 'answers',
      correlationData: Buffer.from([1, 2]),
      messageExpiryInterval: 60,
      userProperties: { site: 'north', tag: ['a', 'b'] },
    });
  });

  test.each([0, 1] as const)(
    'fault:C-3 of QoS %i that is too large for the broker is not sent, its sender is told',
    async (qos) => {
      // As mqtt-packet counts: header 2, topic 14, id 2, properties 1, payload.
      const fixed = 2 + 14 + (qos === 1 ? 2 : 0) + 1;
      await using connection = await live({ maximumPacketSize: fixed + 5 });
      const [fits, tooLarge] = [
        publish(connection, { qos, payload: '12345' }),
        publish(connection, { qos, payload: '123456' }),
      ];
      expect(tooLarge).toMatchObject([{ code: 'PUBLISH_REFUSED', recovery: 'none' }]);
      expect(tooLarge[0]?.message).toContain('plants/basil');
      expect(tooLarge[0]?.message).toContain(`${fixed + 5}`);
      await settled(connection);
      expect((await connection.there.next('publish')).payload.toString()).toBe('12345');
      expect(connection.there.count('publish')).toBe(1);
      expect(fits).toEqual(qos === 0 ? [undefined] : []);
      expect(connection.line.facts.at(-1)?.type).toBe('transport.connected');
    },
  );

  test.each<[string, ConnackAnswer['properties'], Partial<OutgoingMessage>, Partial<OutgoingMessage>]>([
    ['MQTT-3.2.2-11 QoS 1', { maximumQoS: 0 }, { qos: 1 }, { qos: 0 }],
    ['MQTT-3.2.2-14 retain', { retainAvailable: false }, { qos: 0, retain: true }, { qos: 0 }],
  ])(
    '%s that the broker does not support is not sent, its sender is told',
    async (_, properties, refused, fine) => {
      await using connection = await live(properties);
      const calls = publish(connection, refused);
      expect(calls).toMatchObject([{ code: 'PUBLISH_REFUSED', recovery: 'none' }]);
      expect(calls[0]?.message).toContain('plants/basil');
      expect(publish(connection, fine)).toEqual([undefined]);
      await settled(connection);
      await connection.there.next('publish');
      expect(connection.there.count('publish')).toBe(1);
    },
  );

  test('what CONNACK allows in so many words is allowed', async () => {
    await using connection = await live({ maximumQoS: 1, retainAvailable: true, maximumPacketSize: 131_072 });
    publish(connection, { retain: true, qos: 1 });
    expect(await connection.there.next('publish')).toMatchObject({ qos: 1, retain: true });
  });

  test('fault:B-5 a refusing PUBACK has its code and its reason in the error, made harmless', async () => {
    await using connection = await live();
    const calls = publish(connection);
    const { messageId } = await connection.there.next('publish');
    const properties = { reasonString: 'no\u001b way' };
    connection.there.send({ cmd: 'puback', messageId: messageId as number, reasonCode: 0x97, properties });
    await settled(connection);
    expect(calls).toMatchObject([{ code: 'PUBLISH_REFUSED', reasonCode: 0x97 }]);
    expect(calls[0]?.message).toContain('way');
    expect(calls[0]?.message).not.toContain('\u001b');
  });

  test('a reason that comes twice says nothing', async () => {
    await using connection = await live();
    const calls = publish(connection);
    const { messageId = 0 } = await connection.there.next('publish');
    const reason = [0x1f, 0, 3, 97, 97, 97];
    connection.there.raw(
      Uint8Array.of(0x40, 16, messageId >> 8, messageId & 0xff, 0x87, 12, ...reason, ...reason),
    );
    await settled(connection);
    expect(calls).toMatchObject([{ code: 'PUBLISH_REFUSED', reasonCode: 0x87 }]);
    expect(calls[0]?.message).not.toContain('aaa');
  });

  test('mqttjs:B17 "no matching subscribers", with a reason, is success', async () => {
    await using connection = await live();
    const calls = publish(connection);
    const { messageId } = await connection.there.next('publish');
    const properties = { reasonString: 'nobody' };
    connection.there.send({ cmd: 'puback', messageId: messageId as number, reasonCode: 16, properties });
    await settled(connection);
    expect(calls).toEqual([undefined]);
  });

  test('fault:B-17 fault:B-18 packet ids wrap beneath the 100 that are open at a time', async () => {
    await using connection = await live({ receiveMaximum: 100 });
    const { line, there } = connection;
    const open = new Set<number>();
    let acknowledged = 0;
    const send = () => line.live.publish({ ...message, payload: '' }, () => acknowledged++);
    for (let i = 0; i < 100; i++) send();
    for (let seen = 0; seen < 65_535 + 200; seen++) {
      const { messageId = 0 } = await there.next('publish');
      if (open.has(messageId)) throw new Error(`${messageId} is used twice`);
      open.add(messageId);
      if (open.size < 100) continue;
      const half = [...open].slice(0, 50);
      const before = acknowledged;
      there.raw(Buffer.concat(half.map((id) => Buffer.from([0x40, 2, id >> 8, id & 0xff]))));
      while (acknowledged < before + 50) await turn();
      for (const id of half) open.delete(id);
      for (let i = 0; i < 50; i++) send();
    }
    expect(acknowledged).toBeGreaterThan(65_535);
  });
});

describe('subscribe', () => {
  test('passes on what MQTT 5 can ask for', async () => {
    await using connection = await live();
    const answers = connection.line.live.subscribe([
      { filter: 'a', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 },
      { filter: 'b', qos: 0, retainHandling: 1 },
      { filter: 'c', qos: 1 },
    ]);
    const { subscriptions, messageId } = await connection.there.next('subscribe');
    expect(subscriptions).toEqual([
      { topic: 'a', qos: 1, nl: true, rap: true, rh: 2 },
      { topic: 'b', qos: 0, nl: false, rap: false, rh: 1 },
      { topic: 'c', qos: 1, nl: false, rap: false, rh: 0 },
    ]);
    connection.there.send({ cmd: 'suback', messageId: messageId as number, granted: [1, 0, 1] });
    expect(await answers).toHaveLength(3);
  });

  test('in MQTT 3.1.1 there is nothing but the QoS', async () => {
    await using connection = await liveLine({ protocolVersion: 4 });
    const options = { noLocal: true, retainAsPublished: true, retainHandling: 2 } as const;
    connection.line.live.subscribe([{ filter: 'a', qos: 1, ...options }]).catch(() => {});
    expect((await connection.there.next('subscribe')).subscriptions).toEqual([{ topic: 'a', qos: 1 }]);
  });

  test('fault:B-6 refused filters have their own codes, and the reason of the SUBACK', async () => {
    await using connection = await live();
    const answers = connection.line.live.subscribe(['a', 'b', 'c'].map((filter) => ({ filter, qos: 1 })));
    const { messageId } = await connection.there.next('subscribe');
    connection.there.send({
      cmd: 'suback',
      messageId: messageId as number,
      granted: [0x87, 1, 0x97],
      properties: { reasonString: 'because' },
    } as never);
    const [first, second, third] = await answers;
    expect(first).toMatchObject({ error: { code: 'SUBSCRIPTION_REFUSED', reasonCode: 0x87 } });
    expect(second).toEqual({ filter: 'b', grantedQos: 1 });
    expect(third).toMatchObject({ error: { code: 'SUBSCRIPTION_REFUSED', reasonCode: 0x97 } });
    expect(first !== undefined && 'error' in first && first.error.message).toContain('because');
  });

  test('mqttjs:B16 a refused UNSUBSCRIBE was answered: asked again it would be refused again. Each filter is warned of', async () => {
    const warnings: string[] = [];
    await using connection = await liveLine({ protocolVersion: 5, warn: (text) => warnings.push(text) });
    const outcome = connection.line.live.unsubscribe(['a', 'b', 'c', 'd']);
    const { messageId } = await connection.there.next('unsubscribe');
    const properties = { reasonString: 'because' };
    connection.there.send({
      cmd: 'unsuback',
      messageId: messageId as number,
      // 17: there was no such subscription, which is what was wanted.
      granted: [0, 0x87, 17, 0x80],
      properties,
    });
    await outcome;
    expect(warnings).toEqual([
      expect.stringMatching(/"b".*not authorized.*because.*goes on sending/),
      expect.stringMatching(/"d".*unspecified error.*because.*goes on sending/),
    ]);
    expect(connection.line.ended).toBeUndefined();
  });
});

describe('a DISCONNECT of the broker', () => {
  test('fault:B-19 has its code, its reason and its server in the error', async () => {
    await using connection = await live();
    const properties = { reasonString: 'gone for lunch', serverReference: 'other.example' };
    connection.there.send({ cmd: 'disconnect', reasonCode: 0x9c, properties });
    const error = await connection.line.error('transport.closed');
    expect(error).toMatchObject({ code: 'SERVER_MOVED', reasonCode: 0x9c });
    expect(error.message).toContain('gone for lunch');
    expect(error.message).toContain('other.example');
  });

  test.each([
    ['without a code', [0xe0, 0], 0],
    ['with a code alone', [0xe0, 1, 0x8e], 0x8e],
  ])('%s is understood', async (_, bytes, code) => {
    await using connection = await live();
    connection.there.raw(Uint8Array.from(bytes));
    expect(await connection.line.error('transport.closed')).toMatchObject({ reasonCode: code });
    expect(connection.line.ended?.how).toBe('closed');
  });
});
