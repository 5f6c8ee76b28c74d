import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createActor, type EventObject, fromCallback } from 'xstate';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { Handle, type SubscriptionsPorts, subscriptionsMachine } from '../../src/machines/index.ts';
import { IotError } from '../../src/protocol/errors.ts';
import { createPathModel } from '../../src/testing/path-model.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { SubscriberOnBroker } from './subscriber-on-broker.ts';
import { takenIn, transitionsOf } from './transitions.ts';

const error = new IotError('SUBSCRIPTION_REFUSED', 'made by the model');
const ports = new Handle<SubscriptionsPorts>({ currentWire: () => undefined });

/** What the world can make a real client take, with one filter that two hold at the most. */
const model = createPathModel(subscriptionsMachine, {
  input: { ports },
  cover: 'transitions',
  abstract: ({ wanted, unwanted }) => [
    [...wanted.values()].map(({ grantedQos }) => grantedQos !== undefined),
    unwanted.size,
  ],
  payloads: ({ value, context: { wanted, batch } }) => {
    const place = JSON.stringify(value);
    const filter = 'a';
    const entry = wanted.get(filter);
    // Whoever owns the line ends it in the same step.
    if (place.includes('unanswered')) return [{ type: 'session.ended' }];
    const isOffline = place.includes('offline');
    return [
      ...(entry === undefined ? [{ type: 'subscribe', filter, qos: 0 }] : [{ type: 'unsubscribe', filter }]),
      ...(entry?.references === 1 && entry.qos === 0 ? [{ type: 'subscribe', filter, qos: 1 }] : []),
      ...(isOffline
        ? [true, false].map((sessionPresent) => ({ type: 'session.started', sessionPresent }))
        : [{ type: 'session.ended' }]),
      // Told with the end of the line, of a filter that was never granted.
      ...(isOffline && entry?.grantedQos === undefined ? [{ type: 'filter.poisoned', filter, error }] : []),
      { type: 'broker.answered', answers: batch.map((one) => ({ filter: one.filter, grantedQos: one.qos })) },
      { type: 'broker.answered', answers: batch.map((one) => ({ filter: one.filter, error })) },
      { type: 'broker.unsubscribed' },
    ];
  },
});

const paths = model.getShortestPaths();

/**
 * Our transport ends the line before it reports what cannot be read, our actors turn a throw into a fact, and a filter is
 * found to be poison when its line has ended.
 */
const BEYOND_THE_WORLD: readonly string[] = [
  'subscriptions.online.settled on filter.poisoned to subscriptions.online.deciding',
  'subscriptions.online.subscribing on broker.failed to subscriptions.online.unanswered',
  'subscriptions.online.subscribing on xstate.error.actor.subscriber to subscriptions.online.unanswered',
  'subscriptions.online.unsubscribing on broker.failed to subscriptions.online.unanswered',
  'subscriptions.online.unsubscribing on xstate.error.actor.unsubscriber to subscriptions.online.unanswered',
];

function titleOf(steps: readonly { readonly event: EventObject & Record<string, unknown> }[]): string {
  return steps
    .slice(1)
    .map(({ event }) => {
      const { type, qos, sessionPresent, answers } = event;
      const words = type.replace(/^xstate\.(after\.\w+)\..*/, '$1');
      if (typeof qos === 'number') return `${words} (QoS ${qos})`;
      if (sessionPresent !== undefined) return `${words} (${sessionPresent ? 'kept' : 'new'})`;
      const isRefusal = (answers as readonly object[] | undefined)?.some((answer) => 'error' in answer);
      return answers === undefined ? words : `${words} (${isRefusal ? 'refused' : 'granted'})`;
    })
    .join(', ');
}

describe('the subscriptions machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const denied = new Set<string>();
  const taken = new Set<string>();

  beforeAll(async () => {
    core = await startLocalIotCore({
      plainPort: 0,
      limits: NO_RATE_LIMITS,
      authorize: ({ action, topic = '' }) => action !== 'subscribe' || !denied.has(topic),
      onWarning: () => undefined,
    });
  });
  afterAll(() => core.stop());

  paths.forEach((path, index) => {
    test(`path ${index}: ${titleOf(path.steps)}`, async () => {
      const device = new SubscriberOnBroker(core, denied, `subscriber-${index}`, (step) =>
        takenIn(step, taken),
      );
      try {
        for (const { event, state } of path.steps.slice(1)) {
          await device.perform(event);
          const expected = JSON.stringify(state.value);
          await device.reaches(
            (is) => is === expected || (expected.includes('unanswered') && is.includes('offline')),
          );
          await expectOnBroker(core, device);
        }
        await device.settle();
        expect(device.had).toEqual(device.owed);
        await expectDelivery(core, device);
        await device.client.close();
        expectOneAtATime(core, device);
      } finally {
        await device.abandon();
      }
    });
  });

  test('every transition was taken, but for those that the world cannot take', () => {
    const all = transitionsOf(subscriptionsMachine.root);
    expect(all.filter((name) => !taken.has(name)).sort()).toEqual(BEYOND_THE_WORLD);
  });
});

/** What the broker must see in a state: claims of its own, by the books of the test. */
async function expectOnBroker(core: LocalIotCore, device: SubscriberOnBroker): Promise<void> {
  const { state, barriers } = device;
  if (state.includes('offline')) await core.when(() => device.had === undefined);
  else if (state.includes('settled')) expect(device.had).toEqual(device.owed);
  else if (state.includes('unsubscribing')) await barriers.unsubscribe.caught();
  else await barriers.subscribe.caught();
}

/** What is published comes to whoever holds the filter, and to nobody else. */
async function expectDelivery(core: LocalIotCore, device: SubscriberOnBroker): Promise<void> {
  const holders = device.holders;
  await core.publish(device.filter, 'hello');
  if (holders > 0) await core.tap.waitFor({ direction: 'toClient', packet: 'publish', topic: device.filter });
  // The DISCONNECT of the client comes behind whatever the broker has sent it: see what arrived then.
  await device.client.disconnect();
  expect(device.handled).toEqual(Array.from({ length: holders }, () => 'hello'));
  expect(core.tap.packets({ direction: 'toClient', packet: 'publish', topic: device.filter })).toHaveLength(
    Math.min(holders, 1),
  );
}

/** No line has a question out while another of its questions has no answer. */
function expectOneAtATime(core: LocalIotCore, { clientId }: SubscriberOnBroker): void {
  const out = new Map<number, number>();
  for (const { packet, connection } of core.tap.packets({ clientId })) {
    const before = out.get(connection) ?? 0;
    if (packet === 'subscribe' || packet === 'unsubscribe') out.set(connection, before + 1);
    if (packet === 'suback' || packet === 'unsuback') out.set(connection, before - 1);
    expect(out.get(connection) ?? 0).toBeLessThanOrEqual(1);
  }
}

test('what the world cannot make it take, it takes with ports of our own', () => {
  const taken = new Set<string>();
  const boom = (): never => {
    throw new Error('boom');
  };
  const rude = fromCallback(boom) as never;
  const machines = [
    subscriptionsMachine,
    subscriptionsMachine.provide({ actors: { subscriber: rude, unsubscriber: rude } }),
  ];
  for (const machine of machines) {
    for (const first of ['subscribe', 'unsubscribe'] as const) {
      const actor = createActor(machine, {
        clock: new SimulatedClock(),
        input: { ports },
        inspect: (step) => takenIn(step, taken),
      }).start();
      actor.send({ type: 'subscribe', filter: 'a', qos: 0 });
      if (first === 'unsubscribe') actor.send({ type: 'unsubscribe', filter: 'a' });
      actor.send({ type: 'session.started', sessionPresent: true });
      expect(actor.getSnapshot().value).toEqual({ online: 'unanswered' });
      actor.stop();
    }
  }
  const settled = createActor(subscriptionsMachine, {
    clock: new SimulatedClock(),
    input: { ports },
    inspect: (step) => takenIn(step, taken),
  }).start();
  settled.send({ type: 'session.started', sessionPresent: true });
  settled.send({ type: 'filter.poisoned', filter: 'a', error });
  expect(settled.getSnapshot().value).toEqual({ online: 'settled' });
  settled.stop();
  expect(BEYOND_THE_WORLD.filter((name) => !taken.has(name))).toEqual([]);
});
