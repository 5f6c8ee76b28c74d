import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LiveLine, liveLine, settled, turns } from './live-line.ts';

interface Publish {
  readonly topic?: string | readonly number[];
  readonly properties?: readonly number[];
  readonly payload?: string;
  readonly qos?: 0 | 1 | 2;
  readonly id?: number;
}

/** The bytes of a PUBLISH, right or wrong. */
function publish(
  protocolVersion: 4 | 5,
  { topic = 'a', properties = [], payload = '', qos = 0, id = 1 }: Publish,
) {
  const name = typeof topic === 'string' ? [...Buffer.from(topic)] : topic;
  const body = [
    name.length >> 8,
    name.length & 0xff,
    ...name,
    ...(qos === 0 ? [] : [id >> 8, id & 0xff]),
    ...(protocolVersion === 5 ? [properties.length, ...properties] : []),
    ...Buffer.from(payload),
  ];
  return Uint8Array.of(0x30 | (qos << 1), body.length, ...body);
}

const text = (identifier: number, value: string) => {
  const bytes = Buffer.from(value);
  return [identifier, bytes.length >> 8, bytes.length & 0xff, ...bytes];
};
const alias = (value: number) => [0x23, value >> 8, value & 0xff];
const pair = (name: string, value: string) => [...text(0x26, name), ...text(0, value).slice(1)];

let connection: LiveLine;
const closing = async () => {
  const { reasonCode } = await connection.there.next('disconnect');
  await connection.there.closed;
  return reasonCode;
};

describe.each([4, 5] as const)('a PUBLISH, version %i', (protocolVersion) => {
  beforeEach(async () => {
    connection = await liveLine({ protocolVersion });
  });
  afterEach(() => connection[Symbol.asyncDispose]());

  test.each<[string, Publish, number]>([
    ['fault:B-11 to an empty topic', { topic: '' }, 130],
    ['fault:B-11 to a filter with +', { topic: 'a/+' }, 129],
    ['fault:B-11 to a filter with #', { topic: '#' }, 129],
    ['fault:B-11 to a topic with NUL in it', { topic: 'a\0b' }, 129],
    ['fault:B-11 to a topic of bytes that are no UTF-8', { topic: [97, 0xff, 98] }, 129],
    ['fault:B-11 to a topic with half a character', { topic: [0xed, 0xa0, 0x80] }, 129],
    [
      'fault:B-11 to a topic of bytes that are no UTF-8, with payload and QoS 1,',
      { topic: [97, 0xff], payload: 'xyz', qos: 1 },
      129,
    ],
    [
      'fault:B-11 to a topic with U+FFFD as it should be and as it should not',
      { topic: [0xef, 0xbf, 0xbd, 0xff] },
      129,
    ],
    ['MQTT-2.2.1-2 of QoS 1 whose packet id is 0', { qos: 1, id: 0 }, 129],
    ['MQTT-2.2.1-2 of QoS 2 whose packet id is 0', { qos: 2, id: 0 }, 129],
  ])('%s ends the line, and nothing is delivered', async (_, wrong, code) => {
    const { line, there } = connection;
    there.raw(publish(protocolVersion, wrong));
    if (protocolVersion === 5) expect(await closing()).toBe(code);
    const error = await line.error('transport.closed');
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', recovery: 'retry' });
    expect(error.message).not.toContain('\0');
    await there.closed;
    expect(line.messages).toEqual([]);
    expect([there.count('puback'), there.count('pubrec')]).toEqual([0, 0]);
    expect(there.count('disconnect')).toBe(protocolVersion === 5 ? 1 : 0);
  });

  test('of QoS 1 whose packet id is cut off is not read on into the next packet', async () => {
    const { line, there } = connection;
    const next = publish(protocolVersion, { payload: 'next' });
    there.raw(Buffer.concat([Uint8Array.of(0x32, 3, 0, 1, 97), next]));
    expect(await line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(line.messages).toEqual([]);
  });

  test('with an empty payload and QoS 1 is none of these', async () => {
    connection.there.raw(publish(protocolVersion, { qos: 1, id: 258 }));
    expect(await connection.there.next('puback')).toMatchObject({ messageId: 258 });
    expect(connection.line.messages).toHaveLength(1);
  });

  test.each(['a b/ü/$/😀', '/', 'a//b', ' ', 'a\ufffd', '\ufffd/\ufffd'])('to %j is taken', async (topic) => {
    connection.there.raw(publish(protocolVersion, { topic }));
    expect((await connection.line.message(0)).topic).toBe(topic);
  });

  test.each([0, 1, 2] as const)('to a topic with U+FFFD is taken with QoS %i and a payload', async (qos) => {
    const { line, there } = connection;
    there.raw(publish(protocolVersion, { topic: 'a\ufffd', payload: 'x', qos }));
    if (qos === 2) there.send({ cmd: 'pubrel', messageId: 1 });
    expect(await line.message(0)).toMatchObject({ topic: 'a\ufffd', qos });
  });

  test('fault:B-13 of QoS 2 is delivered once, however often it is sent and released', async () => {
    const { line, there } = connection;
    const wrongly = publish(protocolVersion, { qos: 2, id: 9, payload: 'once' });
    for (let i = 0; i < 3; i++) {
      there.raw(wrongly);
      expect(await there.next('pubrec')).toMatchObject({ messageId: 9 });
    }
    expect(line.messages).toEqual([]);
    for (let i = 0; i < 3; i++) {
      there.send({ cmd: 'pubrel', messageId: 9 });
      expect(await there.next('pubcomp')).toMatchObject({ messageId: 9 });
    }
    expect(line.messages).toMatchObject([{ topic: 'a', qos: 2 }]);
    expect(line.facts.at(-1)?.type).toBe('transport.connected');
  });

  test('fault:B-13 a PUBREL for what was never published is answered', async () => {
    connection.there.send({ cmd: 'pubrel', messageId: 5 });
    expect(await connection.there.next('pubcomp')).toMatchObject({ messageId: 5 });
    expect(connection.line.messages).toEqual([]);
  });

  test.each([
    ['PUBREL without an id', [0x62, 0]],
    ['PUBREL with half an id', [0x62, 1, 0]],
    ['PUBREL with the id 0', [0x62, 2, 0, 0]],
    ['PUBACK without an id', [0x40, 0]],
    ['SUBACK with the id 0', [0x90, 3, 0, 0, 0]],
  ])('fault:B-13 %s ends the line, and the process lives', async (_, bytes) => {
    connection.there.raw(Buffer.concat([Uint8Array.from(bytes), publish(protocolVersion, {})]));
    expect(await connection.line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
    await connection.there.closed;
    await turns();
    expect(connection.line.messages).toEqual([]);
  });

  test('fault:B-13 of QoS 2 that comes after disconnect() is not answered: DISCONNECT was the last packet', async () => {
    const { line, there } = connection;
    there.raw(publish(protocolVersion, { qos: 2, id: 9 }));
    await there.next('pubrec');
    line.disconnect();
    there.send({ cmd: 'pubrel', messageId: 9 });
    there.raw(publish(protocolVersion, { qos: 2, id: 10 }));
    expect(await line.error('transport.closed')).toMatchObject({ code: 'DISCONNECTED' });
    await there.closed;
    expect(there.received.at(-1)?.cmd).toBe('disconnect');
    expect(line.messages).toEqual([]);
  });

  test('fault:B-14 that is a duplicate is delivered, and says so', async () => {
    const { line, there } = connection;
    for (const dup of [false, true]) {
      there.send({ cmd: 'publish', topic: 'a', payload: 'x', qos: 1, messageId: 4, dup, retain: false });
    }
    await line.message(1);
    expect(line.messages.map(({ duplicate }) => duplicate)).toEqual([false, true]);
  });

  test('fault:B-20 a retained one with 0 bytes is delivered', async () => {
    const { line, there } = connection;
    there.send({ cmd: 'publish', topic: 'a', payload: '', qos: 0, dup: false, retain: true });
    expect(await line.message(0)).toMatchObject({ topic: 'a', retain: true, payload: Buffer.alloc(0) });
  });

  test.each([
    ['a second CONNACK', protocolVersion === 5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]],
    ['PUBREC for QoS 1', [0x50, 2, 0, 1]],
    ['PUBCOMP', [0x70, 2, 0, 1]],
  ])('fault:B-12 mqttjs:B23 %s ends the line', async (_, bytes) => {
    connection.there.raw(Uint8Array.from(bytes));
    if (protocolVersion === 5) expect(await closing()).toBe(130);
    expect(await connection.line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
    await connection.there.closed;
  });

  test('fault:B-12 PINGRESP and SUBACK that nobody asked for are passed over', async () => {
    connection.there.send({ cmd: 'pingresp' }, { cmd: 'suback', messageId: 7, granted: [0] });
    await settled(connection);
    expect(connection.line.facts.at(-1)?.type).toBe('transport.connected');
  });
});

describe('the properties of a PUBLISH', () => {
  beforeEach(async () => {
    connection = await liveLine({ protocolVersion: 5 });
  });
  afterEach(() => connection[Symbol.asyncDispose]());

  test('all that a message can have come with it', async () => {
    const properties = [
      ...[0x01, 1, 0x02, 0, 0, 1, 0],
      ...text(0x03, 'text/plain'),
      ...text(0x08, 'answers/7'),
      ...[0x09, 0, 3, 0, 255, 7],
      ...[0x0b, 5],
      ...pair('site', 'north'),
      ...pair('tag', 'a'),
      ...pair('tag', 'b'),
      ...pair('tag', 'c'),
    ];
    connection.there.raw(publish(5, { properties, payload: 'x' }));
    const { payload, properties: got, ...rest } = await connection.line.message(0);
    expect([payload.toString(), rest]).toEqual([
      'x',
      { topic: 'a', qos: 0, retain: false, duplicate: false },
    ]);
    expect({ ...got, userProperties: { ...got?.userProperties } }).toEqual({
      payloadFormat: 'utf8',
      messageExpirySeconds: 256,
      contentType: 'text/plain',
      responseTopic: 'answers/7',
      correlationData: Buffer.from([0, 255, 7]),
      userProperties: { site: 'north', tag: ['a', 'b', 'c'] },
    });
  });

  test.each([
    ['none', []],
    ['a subscription identifier only', [0x0b, 5]],
  ])('%s: the message has none', async (_, properties) => {
    connection.there.raw(publish(5, { properties }));
    expect(await connection.line.message(0)).not.toHaveProperty('properties');
  });

  test('the least values are values', async () => {
    const properties = [0x01, 0, 0x02, 0, 0, 0, 0, ...text(0x03, ''), 0x09, 0, 0];
    connection.there.raw(publish(5, { properties }));
    expect((await connection.line.message(0)).properties).toEqual({
      payloadFormat: 'bytes',
      messageExpirySeconds: 0,
      contentType: '',
      correlationData: Buffer.alloc(0),
    });
  });

  test('sec:S-10 names of user properties that every object has harm nothing', async () => {
    const names = ['__proto__', 'constructor', 'toString', ''];
    const properties = names.flatMap((name) => pair(name, `the ${name}`));
    connection.there.raw(publish(5, { properties }));
    const got = (await connection.line.message(0)).properties?.userProperties ?? {};
    expect(Object.getPrototypeOf(got)).toBeNull();
    expect(Object.entries(got)).toEqual(names.map((name) => [name, `the ${name}`]));
    expect(({} as Record<string, unknown>)['the __proto__']).toBeUndefined();
  });

  test.each<[string, number[], number]>([
    ['two content types', [...text(0x03, 'a'), ...text(0x03, 'b')], 130],
    ['two expiries', [0x02, 0, 0, 0, 1, 0x02, 0, 0, 0, 2], 130],
    ['two aliases', [...alias(1), ...alias(2)], 130],
    ['two pieces of correlation data', [0x09, 0, 1, 7, 0x09, 0, 1, 7], 130],
    ['a content type that is cut off', [0x03, 0, 200, 97], 129],
    ['a user property without its value', text(0x26, 'name'), 130],
    ['a property that nobody knows', [0x7f, 1], 129],
    ['a property number of 0', [0, 1], 129],
  ])('%s ends the line, and nothing is delivered', async (_, properties, code) => {
    connection.there.raw(publish(5, { properties }));
    expect(await closing()).toBe(code);
    expect(await connection.line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(connection.line.messages).toEqual([]);
  });

  test.each([[[0xaf]], [[97, 0xff, 98]], [[0xed, 0xa0, 0x80]], [[0xf0, 0x9f, 0x98]]])(
    'MQTT-1.5.4-1 with them a topic of the bytes %j, no UTF-8, ends the line all the same',
    async (topic) => {
      connection.there.raw(publish(5, { topic, properties: text(0x03, 'json') }));
      expect(await closing()).toBe(129);
      expect(await connection.line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
      expect(connection.line.messages).toEqual([]);
    },
  );

  test('what came whole in front of a topic that is no UTF-8 is delivered', async () => {
    const { line, there } = connection;
    const [good, wrong] = [publish(5, { topic: 'good' }), publish(5, { topic: [0xaf] })];
    there.raw(Buffer.concat([good, good, wrong, good]));
    await closing();
    expect(line.messages.map(({ topic }) => topic)).toEqual(['good', 'good']);
  });

  test.each(['a/#', '+', 'a\0', 'a\ufffd'])(
    'a response topic that is none, %j, is left out',
    async (topic) => {
      connection.there.raw(publish(5, { properties: [...text(0x08, topic), ...text(0x03, 'json')] }));
      expect((await connection.line.message(0)).properties).toEqual({ contentType: 'json' });
    },
  );

  test('with them a topic with U+FFFD is taken', async () => {
    connection.there.raw(publish(5, { topic: 'a\ufffd', properties: text(0x03, 'json') }));
    expect((await connection.line.message(0)).topic).toBe('a\ufffd');
  });

  test('of QoS 2 come with it when it is released', async () => {
    connection.there.raw(publish(5, { properties: [...alias(3), ...text(0x03, 'json')], qos: 2 }));
    connection.there.send({ cmd: 'pubrel', messageId: 1 });
    expect(await connection.line.message(0)).toMatchObject({
      topic: 'a',
      properties: { contentType: 'json' },
    });
  });
});

describe('topic aliases', () => {
  beforeEach(async () => {
    connection = await liveLine({ protocolVersion: 5 });
  });
  afterEach(() => connection[Symbol.asyncDispose]());

  test('fault:B-18 what is set is used by what follows, of any QoS, until it is set anew', async () => {
    const { line, there } = connection;
    const sent: Publish[] = [
      { topic: 'first', properties: alias(1) },
      { topic: 'last', properties: alias(8) },
      { topic: '', properties: alias(1) },
      { topic: '', properties: alias(8), qos: 1 },
      { topic: 'other' },
      { topic: 'first anew', properties: alias(1) },
      { topic: '', properties: alias(1), qos: 2, id: 2 },
    ];
    there.raw(Buffer.concat(sent.map((one) => publish(5, one))));
    there.send({ cmd: 'pubrel', messageId: 2 });
    await there.next('pubcomp');
    expect(line.messages.map(({ topic }) => topic)).toEqual([
      ...['first', 'last', 'first', 'last', 'other', 'first anew', 'first anew'],
    ]);
    expect(line.messages.every((message) => !('properties' in message))).toBe(true);
  });

  test.each<[string, Publish]>([
    ['0', { topic: 'a', properties: alias(0) }],
    ['above what CONNECT allowed', { topic: 'a', properties: alias(9) }],
    ['0 without a topic', { topic: '', properties: alias(0) }],
    ['that was never set', { topic: '', properties: alias(8) }],
  ])('fault:B-18 one %s ends the line with 0x94', async (_, wrong) => {
    connection.there.raw(publish(5, wrong));
    expect(await closing()).toBe(0x94);
    expect(await connection.line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(connection.line.messages).toEqual([]);
  });

  test('are forgotten with the line (MQTT-3.3.2-7)', async () => {
    connection.there.raw(publish(5, { topic: 'a', properties: alias(1) }));
    await connection.line.message(0);
    await using next = await liveLine({ protocolVersion: 5 });
    next.there.raw(publish(5, { topic: '', properties: alias(1) }));
    expect(await next.line.error('transport.closed')).toMatchObject({ code: 'PROTOCOL_ERROR' });
  });
});

describe('what DISCONNECT tells a broker of MQTT 5', () => {
  beforeEach(async () => {
    connection = await liveLine({ protocolVersion: 5, maximumPacketBytes: 1_000 });
  });
  afterEach(() => connection[Symbol.asyncDispose]());

  test.each<[string, number, number[]]>([
    ['a first byte of 0', 129, [0, 0]],
    ['a length of five bytes', 129, [0x30, 255, 255, 255, 255]],
    ['a packet that is too large', 149, [0x30, 0xe9, 0x07]],
    ['what the parser finds', 129, [0x40, 3, 0, 1, 0x55]],
    ['AUTH that nobody asked for', 130, [0xf0, 2, 0x18, 0]],
    ['an answer with too few codes', 130, [0x90, 2, 0, 1]],
  ])('after %s: %i', async (_, code, bytes) => {
    void connection.line.live.subscribe([{ filter: 'a', qos: 0 }]).catch(() => {});
    await connection.there.next('subscribe');
    connection.there.raw(Uint8Array.from(bytes));
    expect(await closing()).toBe(code);
    expect(connection.there.received.at(-1)?.cmd).toBe('disconnect');
  });

  test('comes behind what was written in the same turn, and whole', async () => {
    const { line, there } = connection;
    there.raw(Uint8Array.of(0, 0));
    line.live.publish({ topic: 'a', payload: 'last', qos: 0, retain: false }, () => {});
    expect(await closing()).toBe(129);
    expect(there.received.map(({ cmd }) => cmd)).toEqual(['connect', 'publish', 'disconnect']);
  });
});
