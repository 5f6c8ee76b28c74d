import { describe, expect, test } from 'vitest';
import { plainTcp } from '../../src/adapters/index.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { liveLine, settled, turns } from './live-line.ts';
import { openTestLine, type TestLine, testTransport } from './test-line.ts';

const message = { topic: 'a', payload: 'x', qos: 1, retain: false } as const;
const incoming = { cmd: 'publish', topic: 'a', payload: 'x', retain: false, dup: false } as const;

describe('one line after the other', () => {
  test('mqttjs:B5 mqttjs:B6 mqttjs:B24 the next one sends nothing but CONNECT by itself, on a resumed session too', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    const transport = testTransport({ port: peer.port, clean: false });
    const first = transport.open();
    const there = await peer.connection();
    await there.accept();
    await first.until('transport.connected');
    let called = 0;
    first.live.publish(message, () => called++);
    first.live.subscribe([{ filter: 'a', qos: 1 }]).catch(() => {});
    await there.next('subscribe');
    there.end();
    await first.until('transport.closed');

    using second = transport.open();
    const next = await peer.connection();
    await next.accept({ sessionPresent: true });
    await second.until('transport.connected');
    second.live.publish({ ...message, payload: 'new' }, () => {});
    expect(await next.next('publish')).toMatchObject({ dup: false, messageId: 1 });
    await turns();
    expect(next.received.map(({ cmd }) => cmd)).toEqual(['connect', 'publish']);
    expect(called).toBe(0);
  });

  describe('a message of QoS 2 whose PUBREC was the last of its line', () => {
    const two = { ...incoming, qos: 2, messageId: 9 } as const;

    /** What is delivered when its PUBREL comes on the line after the next. */
    async function released(clean: boolean, ...present: readonly boolean[]): Promise<readonly string[]> {
      await using peer = await ScriptedBroker.start({ automatic: false });
      const transport = testTransport({ port: peer.port, clean });
      using first = transport.open();
      const there = await peer.connection();
      await there.accept();
      there.send(two);
      await there.next('pubrec');
      there.end();
      await first.until('transport.closed');
      for (const sessionPresent of present) {
        using between = transport.open();
        const next = await peer.connection();
        await next.accept({ sessionPresent });
        next.end();
        await between.until('transport.closed');
      }
      using last = transport.open();
      const next = await peer.connection();
      await next.accept({ sessionPresent: true });
      next.send({ cmd: 'pubrel', messageId: 9 }, { cmd: 'pubrel', messageId: 9 });
      await next.next('pubcomp');
      await next.next('pubcomp');
      return last.messages.map(({ topic }) => topic);
    }

    test('fault:B-13 is delivered, once, at its PUBREL on a later line of the session', async () => {
      expect(await released(false)).toEqual(['a']);
      expect(await released(false, true)).toEqual(['a']);
    });

    test('is forgotten when the broker has forgotten the session', async () => {
      expect(await released(false, false)).toEqual([]);
    });

    test('is forgotten with a clean session, whatever the broker says', async () => {
      expect(await released(true)).toEqual([]);
    });
  });

  test('mqttjs:B24 nothing can be sent before CONNACK: there is no wire', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    using line = openTestLine({ port: peer.port });
    await (await peer.connection()).next('connect');
    expect(line.wire).toBeUndefined();
  });
});

describe('one line', () => {
  test('mqttjs:B14 a SUBSCRIBE for what is subscribed already is sent', async () => {
    await using connection = await liveLine();
    for (let i = 0; i < 2; i++) {
      const answers = connection.line.live.subscribe([{ filter: 'a', qos: 1 }]);
      const { messageId } = await connection.there.next('subscribe');
      connection.there.send({ cmd: 'suback', messageId: messageId as number, granted: [1] });
      expect(await answers).toEqual([{ filter: 'a', grantedQos: 1 }]);
    }
  });

  test('mqttjs:B18 a handler that never ends delays no packet behind its message', async () => {
    // What it returns is not looked at.
    const onMessage: () => unknown = () => new Promise(() => {});
    await using connection = await liveLine({ onMessage });
    let acknowledged = 0;
    connection.line.live.publish(message, () => acknowledged++);
    const { messageId = 0 } = await connection.there.next('publish');
    connection.there.send({ ...incoming, qos: 1, messageId: 1 }, { ...incoming, qos: 1, messageId: 2 });
    connection.there.send({ cmd: 'puback', messageId });
    expect(await connection.there.next('puback')).toMatchObject({ messageId: 1 });
    expect(await connection.there.next('puback')).toMatchObject({ messageId: 2 });
    expect(acknowledged).toBe(1);
  });

  test('mqttjs:B13 mqttjs:B21 what goes wrong after its end is heard by nobody, and kills no process', async () => {
    await using connection = await liveLine();
    const { line, there } = connection;
    there.stream.pause();
    for (let i = 0; i < 20; i++) line.live.publish({ ...message, payload: Buffer.alloc(500_000) }, () => {});
    line.free();
    there.reset();
    await there.closed;
    await turns();
    expect(line.facts.at(-1)?.type).toBe('transport.connected');
    expect(line.story.filter((entry) => entry === 'detach')).toHaveLength(1);
  });

  test('mqttjs:B22 ends in the midst of many packets of one segment: the rest is handled by nobody', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });
    let got = 0;
    const line: TestLine = openTestLine({
      port: peer.port,
      onMessage: () => {
        got += 1;
        if (got === 3) line.free();
      },
    });
    const there = await peer.connection();
    await there.accept();
    await line.until('transport.connected');
    there.send(...Array.from({ length: 50 }, (_, i) => ({ ...incoming, qos: 1 as const, messageId: i + 1 })));
    await there.closed;
    await turns();
    expect(got).toBe(3);
    expect(there.count('puback')).toBeLessThanOrEqual(2);
  });

  test('mqttjs:B23 an answer of the wrong kind for what is open settles nothing, and harms nothing', async () => {
    await using connection = await liveLine();
    const { line, there } = connection;
    const calls: unknown[] = [];
    line.live.publish(message, (error) => calls.push(error));
    const { messageId = 0 } = await there.next('publish');
    there.send({ cmd: 'suback', messageId, granted: [0] }, { cmd: 'unsuback', messageId } as never);
    await settled(connection);
    expect(calls).toEqual([]);
    there.send({ cmd: 'puback', messageId });
    await settled(connection);
    expect(calls).toEqual([undefined]);
  });

  test('mqttjs:B7 a stream error without a code is an end like any other', async () => {
    await using peer = await ScriptedBroker.start({ automatic: false });

    const plain = plainTcp();
    let fail: (error: Error) => void = () => {};
    const authentication = {
      kind: 'plainTcp' as const,
      defaultPort: () => 1883,
      validate: () => {},
      signIn: async (context: Parameters<typeof plain.signIn>[0]) => {
        const open = await plain.signIn(context);
        return async (signal: AbortSignal) => {
          const opened = await open(signal);
          fail = (error) => opened.stream.destroy(error);
          return opened;
        };
      },
    };
    using line = openTestLine({ port: peer.port, authentication });
    await (await peer.connection()).accept();
    await line.until('transport.connected');
    fail(new Error('no code'));
    expect(await line.error('transport.closed')).toMatchObject({ code: 'INTERNAL' });
    expect(line.ended?.how).toBe('givenUp');
  });
});
