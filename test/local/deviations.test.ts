import type { MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';

import type { LocalIotCore, LocalIotCoreDeviations } from '../../src/local/index.ts';
import { closed, connectPlain, dial, messages, startCore } from './support.ts';

/** The same core with one deviation switched off. */
const without = (deviation: keyof LocalIotCoreDeviations) =>
  startCore({ deviations: { [deviation]: false } });

async function leave(core: LocalIotCore, client: MqttClient): Promise<void> {
  await client.endAsync();
  await core.when(() => core.clients.length === 0);
}

describe('sensor/# and sensor', () => {
  /** What a client with this filter gets of the messages to these topics. */
  async function arriving(core: LocalIotCore, filter: string, topics: readonly string[]): Promise<string[]> {
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync([filter, 'last'], { qos: 1 });
    const found: string[] = [];
    const over = new Promise<void>((resolve) => {
      lamp.on('message', (topic) => (topic === 'last' ? resolve() : found.push(topic)));
    });
    for (const topic of [...topics, 'last']) await core.publish(topic, 'x', { qos: 1 });
    await over;
    await lamp.unsubscribeAsync(filter);
    await core.publish('sensor/a', 'after the unsubscribe', { qos: 1 });
    await leave(core, lamp);
    return found;
  }

  it.each([
    ['sensor/#', ['sensor', 'sensor/a', 'sensor/a/b', 'sensor/'], ['sensor/a', 'sensor/a/b', 'sensor/']],
    ['+/#', ['sensor', 'sensor/a'], ['sensor/a']],
    ['#', ['sensor', 'sensor/a'], ['sensor', 'sensor/a']],
    ['a/+/#', ['a', 'a/b', 'a/b/c'], ['a/b/c']],
  ])('as AWS does: of %s, %j brings %j', async (filter, topics, found) => {
    expect(await arriving(await startCore(), filter, topics)).toEqual(found);
  });

  it('as MQTT does, when switched off (MQTT-4.7.1-2)', async () => {
    const core = await without('hashExcludesParent');
    expect(await arriving(core, 'sensor/#', ['sensor', 'sensor/a'])).toEqual(['sensor', 'sensor/a']);
  });

  it('are kept apart for a session, too, and after it has come back', async () => {
    const core = await startCore();
    const first = await connectPlain(core, 'lamp', { clean: false });
    await first.subscribeAsync('sensor/#', { qos: 1 });
    await core.publish('sensor', 'not while it is there', { qos: 1 });
    await leave(core, first);
    await core.publish('sensor', 'no', { qos: 1 });
    await core.publish('sensor/a', 'yes', { qos: 1 });
    const second = dial(core, 'lamp', { clean: false, resubscribe: false });
    const arrived = messages(second, 2);
    await core.tap.waitFor({ direction: 'toClient', packet: 'publish' });
    await core.publish('sensor', 'no', { qos: 1 });
    await core.publish('sensor/b', 'yes', { qos: 1 });
    expect(await arrived).toEqual(['sensor/a=yes', 'sensor/b=yes']);
  });
});

describe('the duplicate flag', () => {
  /** Whether a message is marked as a duplicate that was sent on an earlier line and not acknowledged. */
  async function isMarked(core: LocalIotCore): Promise<boolean | undefined> {
    const first = await connectPlain(core, 'lamp', { clean: false });
    await first.subscribeAsync('a', { qos: 1 });
    const held = core.tap.hold({ packet: 'puback', clientId: 'lamp' });
    await core.publish('a', 'x', { qos: 1 });
    await held.caught();
    await core.faults.dropConnections();
    held.drop();
    await core.publish('a', 'never sent before', { qos: 1 });
    dial(core, 'lamp', { clean: false, resubscribe: false });
    const sent = await core.tap.waitFor({ direction: 'toClient', packet: 'publish' }, 3);
    expect([sent[0]?.duplicate, sent[2]?.duplicate]).toEqual([false, false]);
    return sent[1]?.duplicate;
  }

  it('is not set on what AWS sends again', async () => expect(await isMarked(await startCore())).toBe(false));

  it('is set when switched off (MQTT-3.3.1-1)', async () => {
    expect(await isMarked(await without('noDuplicateFlag'))).toBe(true);
  });

  it.each([
    ['AWS', () => startCore()],
    ['MQTT', () => without('noDuplicateFlag')],
  ])('of a publisher is not passed on, by %s (MQTT-3.3.1-3)', async (_by, start) => {
    const core = await start();
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync('a', { qos: 1 });
    await lamp.publishAsync('a', 'x', { qos: 1, dup: true });
    const [inwards, outwards] = await core.tap.waitFor({ packet: 'publish' }, 2);
    expect([inwards?.duplicate, outwards?.duplicate]).toEqual([true, false]);
  });
});

describe('retained messages', () => {
  it('are sent for filters with a wildcard when that is switched off', async () => {
    const core = await without('noRetainedForWildcards');
    await core.publish('weather/today', 'sunny', { retain: true });
    const lamp = await connectPlain(core, 'lamp');
    const arrived = messages(lamp, 1);
    await lamp.subscribeAsync('weather/+');
    expect(await arrived).toEqual(['weather/today=sunny']);
  });

  it('are kept on reserved topics when that is switched off', async () => {
    const core = await without('noRetainedOnReserved');
    const lamp = await connectPlain(core, 'lamp');
    await lamp.publishAsync('$aws/rules/r/a', 'x', { qos: 1, retain: true });
    const arrived = messages(lamp, 1);
    await lamp.subscribeAsync('$aws/rules/r/a');
    expect(await arrived).toEqual(['$aws/rules/r/a=x']);
  });
});

describe('reserved topics', () => {
  it.each([
    ['$aws/things/lamp/shadow/update/accepted', /only AWS IoT Core publishes to/],
    ['$aws/things/lamp/shadow/name/light/update/delta', /only AWS IoT Core publishes to/],
    ['$aws/things/lamp/shadow/put', /does not have/],
  ])('a publish to %s closes the connection', async (topic, why) => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const over = closed(lamp);
    lamp.publish(topic, '{}', { qos: 1 });
    await over;
    expect(core.warnings).toMatchObject([
      { code: 'REFUSED', clientId: 'lamp', message: expect.stringMatching(why) },
    ]);
    expect(core.received).toEqual([]);
  });

  it('a SUBSCRIBE with one that is none closes the connection', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    const over = closed(lamp);
    lamp.subscribe(['a', '$aws/things/lamp/nonsense']);
    await over;
    expect(core.warnings).toMatchObject([{ message: expect.stringMatching(/does not have/) }]);
  });

  it('so does a Will', async () => {
    const core = await startCore();
    const topic = '$aws/things/lamp/shadow/get/accepted';
    const will = { topic, payload: Buffer.from('x'), qos: 0, retain: false } as const;
    await closed(dial(core, 'lamp', { will }));
    expect(core.warnings).toMatchObject([{ code: 'REFUSED', clientId: 'lamp' }]);
  });

  it('a filter for a whole shadow is granted, and advised against', async () => {
    const core = await startCore();
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync(['$aws/things/lamp/shadow/#', '$aws/things/lamp/shadow/+/accepted']);
    expect(core.warnings).toMatchObject([{ code: 'ADVICE', clientId: 'lamp' }]);
    expect(core.warnings[0]?.message).toMatch(/"\$aws\/things\/lamp\/shadow\/#": AWS advises against it/);
  });

  it('are topics like others when that is switched off, but no other with $', async () => {
    const core = await without('closesOnUnknownReservedTopics');
    const lamp = await connectPlain(core, 'lamp');
    const arrived = messages(lamp, 1);
    await lamp.subscribeAsync('$aws/nonsense/#');
    await lamp.publishAsync('$aws/nonsense/a', 'x', { qos: 1 });
    expect(await arrived).toEqual(['$aws/nonsense/a=x']);
    expect(core.warnings).toEqual([]);
    const over = closed(lamp);
    lamp.subscribe('$SYS/#');
    await over;
  });
});

describe('QoS 2', () => {
  it('is spoken when that is switched off', async () => {
    const core = await without('ignoresQos2');
    const will = { topic: 'wills', payload: Buffer.from('x'), qos: 2, retain: false } as const;
    const lamp = await connectPlain(core, 'lamp', { will });
    const arrived = messages(lamp, 2);
    expect(await lamp.subscribeAsync('a', { qos: 2 })).toMatchObject([{ qos: 2 }]);
    await lamp.publishAsync('a', 'x', { qos: 2 });
    await lamp.publishAsync('a', 'y', { qos: 2 });
    expect(await arrived).toEqual(['a=x', 'a=y']);
    await core.tap.waitFor({ packet: 'pubcomp', direction: 'toBroker' }, 2);
    expect(core.warnings).toEqual([]);
  });

  it('counts among what is not acknowledged, until it is complete', async () => {
    const core = await startCore({
      deviations: { ignoresQos2: false },
      limits: { unacknowledgedPublishes: 1 },
    });
    const lamp = await connectPlain(core, 'lamp');
    await lamp.subscribeAsync('a', { qos: 2 });
    const arrived = messages(lamp, 2);
    const held = core.tap.hold({ packet: 'pubcomp', direction: 'toBroker', clientId: 'lamp' });
    const button = await connectPlain(core, 'button');
    await button.publishAsync('a', 'x', { qos: 2 });
    await held.caught();
    await button.publishAsync('a', 'y', { qos: 2 });
    expect(core.tap.packets({ direction: 'toClient', packet: 'publish' })).toHaveLength(1);
    held.release();
    expect(await arrived).toEqual(['a=x', 'a=y']);
  });
});
