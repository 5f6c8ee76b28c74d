// What comes late, twice, to somebody else or broken: the cloud is played by hand.
import { describe, expect, test } from 'vitest';
import type { IotError } from '../../src/index.ts';
import { answer } from '../../src/testing/broker-script.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { passTime } from './pass-time.ts';
import { Heard, handPlayed, machineOf, prefixOf, useHandPlayed } from './shadow-support.ts';
import { failureOf, settled } from './support.ts';

const broker = useHandPlayed();

const still = async () => {
  const clock = new SimulatedClock();
  return { ...(await handPlayed(broker(), { clock })), clock };
};

const document = (version: number, state: object = {}) => ({ state, metadata: {}, version, timestamp: 1 });

describe('the deadline', () => {
  test('py:H3 py:H36 ends a request that nobody answers, and what late answers say is known all the same (fault:H-1)', async () => {
    const { client, cloud, clock } = await still();
    const shadow = client.shadow(cloud.thingName);
    for (const operation of ['get', 'update', 'delete'] as const) {
      const options = { timeoutMs: 3_000 };
      const call =
        operation === 'update' ? shadow.update({ desired: { a: 1 } }, options) : shadow[operation](options);
      const late = failureOf(call);
      const { clientToken } = await cloud.request(operation);
      clock.advance(2_999);
      await settled();
      expect(machineOf(client, shadow).context.operations).toBe(1);
      clock.advance(1);
      expect(await late).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: operation !== 'get' });
      if (operation !== 'update') continue;
      await cloud.say('update/accepted', { ...document(1, { desired: { a: 1 } }), clientToken });
    }
    expect(machineOf(client, shadow).context).toMatchObject({ operations: 0, unmatched: 1 });
  });

  test('py:H3 is 5 seconds by default, and counts from the publish', async () => {
    const { client, cloud, clock } = await still();
    const held = broker().on({ packet: 'subscribe', clientId: client.clientId }, answer.hang());
    const late = failureOf(client.shadow(cloud.thingName).get());
    await broker().when(() => held.used === 1);
    clock.advance(4_900);
    held.remove();
    const [line] = broker().openConnections.filter(({ clientId }) => clientId === client.clientId);
    const granting = broker().on({ packet: 'subscribe', clientId: client.clientId }, answer.serve());
    // The second filter is asked for when the first is granted.
    const first = line?.received.find(({ cmd }) => cmd === 'subscribe');
    line?.send({ cmd: 'suback', messageId: first?.messageId ?? 0, granted: [0] });
    await cloud.request('get');
    clock.advance(4_999);
    await settled();
    clock.advance(1);
    expect(await late).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('5000 ms') });
    granting.remove();
  });

  test.each(['ThisIsGarbagePayload!', new Uint8Array([0xff, 0xfe]), '5', '[1]', 'null', '{"version":1}'])(
    'py:H4 fault:H-8 garbage (%s) is an event, settles nothing, and the deadline passes',
    async (garbage) => {
      const { client, cloud, clock } = await still();
      const shadow = client.shadow(cloud.thingName);
      const errors: IotError[] = [];
      shadow.onInvalid((error) => errors.push(error));
      const late = failureOf(shadow.get({ timeoutMs: 3_000 }));
      await cloud.request('get');
      await cloud.say('get/accepted', garbage);
      expect(errors).toEqual([expect.objectContaining({ code: 'INVALID_DOCUMENT' })]);
      clock.advance(3_000);
      expect(await late).toMatchObject({ code: 'TIMEOUT' });
    },
  );

  test('fault:H-8 without a listener it is a warning of the client; the machine goes on', async () => {
    const { client, cloud } = await still();
    const shadow = client.shadow(cloud.thingName);
    const warnings: string[] = [];
    client.on('warning', ({ message }) => warnings.push(message));
    const getting = shadow.get();
    await cloud.request('get');
    await cloud.say('get/accepted', '{"state":null,"version":1}');
    await cloud.say('get/accepted', '{"state":{"desired":5},"version":1}');
    expect(warnings).toHaveLength(2);
    for (const warning of warnings) expect(warning).toContain(cloud.thingName);
    await cloud.gives({ version: 1, state: { desired: { a: 1 } } });
    expect((await getting)?.state.desired).toEqual({ a: 1 });
  });

  test('py:H19 py:H37 what a caller asks for when it has passed is asked', async () => {
    const { client, cloud, clock } = await still();
    const shadow = client.shadow(cloud.thingName);
    const both = shadow.get({ timeoutMs: 1_000 }).catch(() => shadow.update({ desired: { a: 1 } }));
    await cloud.request('get');
    clock.advance(1_000);
    const { clientToken } = await cloud.request('update');
    await cloud.say('update/accepted', { ...document(1, { desired: { a: 1 } }), clientToken });
    expect(await both).toMatchObject({ version: 1, clientToken });
    expect(machineOf(client, shadow).context.unmatched).toBe(0);
  });
});

describe('answers to others', () => {
  test('fault:H-2 py:H32 settle nothing, and their version is known', async () => {
    const { client, cloud } = await still();
    const shadow = client.shadow(cloud.thingName);
    const getting = shadow.get();
    await cloud.request('get');
    await cloud.say('get/accepted', { ...document(4, { desired: { a: 1 } }), clientToken: 'somebody else' });
    await cloud.say('update/accepted', {
      ...document(5, { desired: { b: 2 } }),
      clientToken: 'somebody else',
    });
    await cloud.say('get/rejected', { code: 404, message: 'x', clientToken: 'somebody else' });
    expect(shadow.state).toMatchObject({ version: 5, desired: { a: 1, b: 2 } });
    expect(machineOf(client, shadow).context).toMatchObject({ operations: 1, unmatched: 3 });
    await cloud.gives({ version: 5, state: { desired: { a: 1, b: 2 } } });
    expect((await getting)?.version).toBe(5);
    await cloud.say('delete/accepted', { version: 5, timestamp: 1, clientToken: 'somebody else' });
    expect(shadow.state).toMatchObject({ version: undefined, desired: undefined });
  });

  test('fault:H-3 fault:H-4 of several answers the first counts, and the others are counted', async () => {
    const { client, cloud } = await still();
    const shadow = client.shadow(cloud.thingName);
    const updating = shadow.update({ desired: { a: 1 } });
    const { clientToken } = await cloud.request('update');
    const accepted = { ...document(1, { desired: { a: 1 } }), clientToken };
    broker().publish(`${cloud.prefix}/update/accepted`, JSON.stringify(accepted));
    broker().publish(`${cloud.prefix}/update/accepted`, JSON.stringify({ ...accepted, version: 9 }));
    await cloud.say('update/rejected', { code: 500, message: 'x', clientToken });
    expect((await updating).version).toBe(1);
    expect(machineOf(client, shadow).context.unmatched).toBe(2);

    const failing = failureOf(shadow.delete());
    const { clientToken: token } = await cloud.request('delete');
    broker().publish(
      `${cloud.prefix}/delete/rejected`,
      JSON.stringify({ code: 500, message: 'x', clientToken: token }),
    );
    await cloud.say('delete/accepted', { version: 1, timestamp: 1, clientToken: token });
    expect(await failing).toMatchObject({ reasonCode: 500 });
  });

  test('a right token on the topic of another operation is no answer', async () => {
    const { client, cloud, clock } = await still();
    const late = failureOf(client.shadow(cloud.thingName).get());
    const { clientToken } = await cloud.request('get');
    await cloud.say('update/accepted', { ...document(1), clientToken });
    await cloud.say('delete/rejected', { code: 404, message: 'x', clientToken });
    clock.advance(5_000);
    expect(await late).toMatchObject({ code: 'TIMEOUT' });
  });

  test('py:H31 a correlated answer is never dropped, however old its version', async () => {
    const { client, cloud } = await still();
    const shadow = client.shadow(cloud.thingName);
    const first = shadow.get();
    await cloud.gives({ version: 3, state: { desired: { a: 3 } } });
    expect((await first)?.version).toBe(3);
    const second = shadow.get();
    await cloud.gives({ version: 1, state: { desired: { a: 1 } } }, 2);
    expect(await second).toMatchObject({ version: 1, state: { desired: { a: 1 } } });
    expect(shadow.state).toMatchObject({ version: 3, desired: { a: 3 } });
  });

  test('py:H24 fault:H-14 a rejection without a token settles nothing at once; the oldest request says it at its deadline', async () => {
    const { client, cloud, clock } = await still();
    const shadow = client.shadow(cloud.thingName);
    const another = failureOf(shadow.get());
    const oldest = failureOf(shadow.update({ desired: { a: 1 } }));
    const other = shadow.update({ desired: { b: 2 } });
    const { clientToken } = await cloud.request('update', 2);
    await cloud.say('update/rejected', { code: 400, message: 'Invalid JSON' });
    await cloud.say('update/accepted', { ...document(1, { desired: { b: 2 } }), clientToken });
    expect((await other).version).toBe(1);
    clock.advance(5_000);
    expect(await oldest).toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('Invalid JSON'),
      cause: expect.objectContaining({ code: 'SHADOW_REJECTED', reasonCode: 400 }),
    });
    expect((await another).message).toBe('no answer to the get within 5000 ms');
  });

  test('what a remote text says in an error is escaped and cut', async () => {
    const { client, cloud } = await still();
    const failing = failureOf(client.shadow(cloud.thingName).get());
    const { clientToken } = await cloud.request('get');
    await cloud.say('get/rejected', { code: 500, message: `\u001b[31m${'x'.repeat(5_000)}`, clientToken });
    const { message } = await failing;
    expect(message).not.toContain('\u001b');
    expect(message.length).toBeLessThan(400);
  });

  test('fault:H-20 a caller may use a token again once it is free, and not before', async () => {
    const { client, cloud } = await still();
    const shadow = client.shadow(cloud.thingName);
    const first = shadow.get({ clientToken: 'mine' });
    const second = await failureOf(shadow.update({ desired: {} }, { clientToken: 'mine' }));
    expect(second).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('clientToken'),
    });
    await cloud.gives({ version: 1, state: {} });
    await first;
    const again = shadow.get({ clientToken: 'mine' });
    await cloud.gives({ version: 2, state: {} }, 2);
    expect((await again)?.version).toBe(2);
  });
});

describe('too much asked', () => {
  test('fault:H-11 a 429 is asked again after a pause, within the deadline', async () => {
    const { client, cloud, clock } = await still();
    const getting = client.shadow(cloud.thingName).get();
    const { clientToken } = await cloud.request('get');
    await cloud.say('get/rejected', { code: 429, message: 'TOO_MANY_REQUESTS', clientToken });
    expect(cloud.requests('get')).toHaveLength(1);
    clock.advance(250);
    expect(await cloud.request('get', 2)).toEqual({ clientToken });
    await cloud.gives({ version: 1, state: {} }, 2);
    expect((await getting)?.version).toBe(1);
  });

  test('fault:H-11 at the deadline it rejects with the 429', async () => {
    const { client, cloud, clock } = await still();
    const failing = failureOf(client.shadow(cloud.thingName).get({ timeoutMs: 100 }));
    const { clientToken } = await cloud.request('get');
    await cloud.say('get/rejected', { code: 429, message: 'TOO_MANY_REQUESTS', clientToken });
    clock.advance(100);
    expect(await failing).toMatchObject({ code: 'SHADOW_REJECTED', reasonCode: 429 });
  });

  test('fault:H-11 ten requests of a client are on their way at a time, over all shadows; the others wait in order', async () => {
    const { client, cloud } = await still();
    const shadows = Array.from({ length: 4 }, (_, index) => client.shadow(`${cloud.thingName}-${index}`));
    const ended = new Heard<number>();
    const calls = Array.from({ length: 12 }, async (_, index) => {
      const shadow = shadows[index % 4];
      await shadow?.get({ clientToken: `t${index}` });
      ended.push(index);
    });
    const got = () =>
      broker().messages.filter(({ topic }) => topic.startsWith(`$aws/things/${cloud.thingName}-`));
    const tokens = () =>
      got().map(({ payload }) => (JSON.parse(payload.toString()) as { clientToken: string }).clientToken);
    await broker().when(() => got().length === 10);
    await settled();
    expect(new Set(tokens())).toEqual(new Set(Array.from({ length: 10 }, (_, index) => `t${index}`)));
    const answerTo = (index: number): void => {
      const body = { ...document(1), clientToken: `t${index}` };
      broker().publish(`${prefixOf(`${cloud.thingName}-${index % 4}`)}/get/accepted`, JSON.stringify(body));
    };
    answerTo(7);
    await ended.until(1);
    await broker().when(() => got().length === 11);
    await settled();
    expect(tokens()[10]).toBe('t10');
    for (const index of [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]) answerTo(index);
    await broker().when(() => got().length === 12);
    answerTo(11);
    await Promise.all(calls);
  });
});

describe('topics that cannot be had', () => {
  test('fault:H-15 a broker that closes the line over them: POISON_SUBSCRIPTION, and the rest goes on', async () => {
    const { client, cloud, clock } = await still();
    const rule = broker().closeOnSubscribe((filter) => filter.startsWith(cloud.prefix));
    let isOver = false;
    const failing = failureOf(client.shadow(cloud.thingName).get({ waitForConnection: true })).finally(() => {
      isOver = true;
    });
    await passTime(client, clock, () => isOver);
    expect(await failing).toMatchObject({
      code: 'POISON_SUBSCRIPTION',
      remediation: expect.stringContaining('topics: "exact"'),
    });
    await passTime(client, clock, () => client.status.state === 'live');
    rule.remove();
  });

  test('topics that are taken back after the publish leave the outcome unknown', async () => {
    const { client, cloud } = await handPlayed(broker());
    const failing = failureOf(
      client.shadow(cloud.thingName, { persistent: false }).update({ desired: { a: 1 } }),
    );
    await cloud.request('update');
    await client.unsubscribe(`${cloud.prefix}/update/accepted`);
    expect(await failing).toMatchObject({ code: 'OUTCOME_UNKNOWN', outcomeUnknown: true });
  });
});
