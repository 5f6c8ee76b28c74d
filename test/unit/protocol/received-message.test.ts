import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Message } from '../../../src/protocol/received-message.ts';
import { errorOf } from './error-of.ts';

const encoder = new TextEncoder();

function messageOf(payload: string | Uint8Array, topic = 'plants/basil'): Message {
  const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload;
  return new Message({ topic, payload: bytes, qos: 1, retain: true, duplicate: false });
}

describe('a received message', () => {
  it('has what the broker sent', () => {
    const payload = new Uint8Array([1, 2]);
    const incoming = { topic: 'a', payload, qos: 2, retain: false, duplicate: true } as const;
    expect(new Message(incoming)).toMatchObject(incoming);
    expect(new Message(incoming).payload).toBe(payload);
  });

  it('has properties that no handler can change for another', () => {
    const userProperties = { plant: 'basil', bed: ['1', '2'] };
    const incoming = {
      topic: 'a',
      payload: new Uint8Array(),
      qos: 1,
      retain: false,
      duplicate: false,
    } as const;
    const { properties } = new Message({
      ...incoming,
      properties: { contentType: 'text/plain', userProperties },
    });
    expect(properties).toStrictEqual({ contentType: 'text/plain', userProperties });
    for (const part of [properties, properties.userProperties, properties.userProperties?.['bed']])
      expect(part).toSatisfy(Object.isFrozen);
    expect(userProperties.bed).not.toSatisfy(Object.isFrozen);
    const plain = new Message({ ...incoming, properties: { contentType: 'text/plain' } }).properties;
    expect(plain).toStrictEqual({ contentType: 'text/plain' });
    expect(plain).toSatisfy(Object.isFrozen);
    const none = messageOf('').properties;
    expect(none).toStrictEqual({});
    expect(none).toSatisfy(Object.isFrozen);
  });

  it('reads its payload as text', () => {
    expect(messageOf('größe 😀').text()).toBe('größe 😀');
    expect(messageOf('').text()).toBe('');
  });

  it('reads wrong UTF-8 as U+FFFD and drops a leading byte order mark', () => {
    expect(messageOf(new Uint8Array([0x61, 0xff])).text()).toBe('a\ufffd');
    expect(messageOf(new Uint8Array([0xef, 0xbb, 0xbf, 0x31])).json()).toBe(1);
  });

  it('reads its payload as JSON, again and again', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const message = messageOf(json);
        expect([message.json(), message.json()]).toEqual([JSON.parse(json), JSON.parse(json)]);
      }),
    );
  });

  it('reads only the bytes of its payload when they are part of a larger buffer', () => {
    expect(messageOf(encoder.encode('xx{"a":1}xx').subarray(2, 9)).json()).toEqual({ a: 1 });
  });

  it.each(['', 'secret-token', '{"password":"secret-token"', '{"secret-token":}'])(
    'reports %j, which is not JSON, as the fault of the sender and shows nothing of it',
    (payload) => {
      const error = errorOf(() => messageOf(payload).json());
      expect(error.code).toBe('INVALID_PAYLOAD');
      expect(error.message).toBe(`the message on topic "plants/basil" (${payload.length} bytes) is not JSON`);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch('secret');
      expect(JSON.stringify(error)).not.toMatch('secret');
    },
  );

  it('escapes and cuts the topic in that report', () => {
    const { message } = errorOf(() => messageOf('x', `a\n${'b'.repeat(1_000)}`).json());
    expect(message).toMatch('topic "a\\nbbb');
    expect(message.length).toBeLessThan(200);
  });
});
