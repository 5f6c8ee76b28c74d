import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import type { SubscriptionsContext } from '../../src/machines/index.ts';
import {
  coverageOf,
  type ModelEvent,
  pathsOf,
  placeOf,
  type Subject,
  subscriptionsModel,
} from '../../src/testing/index.ts';
import { SubscriberOnBroker } from './subscriber-on-broker.ts';

/**
 * A client ends the line in the same step in which the machine calls it unanswered; tells of a session only what changes; and a
 * filter is found to be poison while it is asked for.
 */
function isInTheWorld({ type }: ModelEvent, snapshot: AnyMachineSnapshot): boolean {
  const place = placeOf(snapshot);
  const { wanted } = snapshot.context as SubscriptionsContext;
  if (place === 'online.unanswered') return type === 'session.ended';
  if (type === 'session.started') return place === 'offline';
  if (type === 'session.ended') return place !== 'offline';
  const isGranted = [...wanted.values()].some(({ grantedQos }) => grantedQos !== undefined);
  return type !== 'filter.poisoned' || place === 'online.settled' || (place === 'offline' && !isGranted);
}

const model = subscriptionsModel();
const paths = pathsOf(model, { filter: isInTheWorld });

describe('the subscriptions machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const denied = new Set<string>();
  const coverage = coverageOf(model);

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
    test(`path ${index}: ${path.description}`, () =>
      path.test(subjectOn(core, denied, `subscriber-${index}`, coverage.observe)));
  });

  test('every state was entered and every transition taken', () => {
    console.log(String(coverage));
    coverage.expectAll();
  });
});

/** A device of this name, for one path. */
function subjectOn(
  core: LocalIotCore,
  denied: Set<string>,
  clientId: string,
  observe: (event: InspectionEvent) => void,
): Subject {
  const device = new SubscriberOnBroker(core, denied, clientId, observe);
  return {
    perform: (event) => device.perform(event),
    state: () => device.state,
    accepts: (state, is) =>
      is === JSON.stringify(state.value) || (placeOf(state) === 'online.unanswered' && is === '"offline"'),
    check: () => expectOnBroker(core, device),
    end: async (_path, failure) => {
      try {
        if (failure === undefined) await expectGoodEnd(core, device);
      } finally {
        await device.abandon();
      }
    },
  };
}

async function expectGoodEnd(core: LocalIotCore, device: SubscriberOnBroker): Promise<void> {
  await device.settle();
  expect(device.had).toEqual(device.owed);
  await expectDelivery(core, device);
  await device.client.close();
  expectOneAtATime(core, device);
}

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
