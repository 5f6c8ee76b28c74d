import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import {
  connectionModel,
  coverageOf,
  type ModelEvent,
  pathsOf,
  type Subject,
  type TestStep,
} from '../../src/testing/index.ts';
import { DeviceOnBroker } from './device-on-broker.ts';

/**
 * Our transport signs in before it connects, fails only before CONNACK and closes only after it; and nothing is asked in a
 * quiet time, when nothing is in flight either: a planned end has nothing to finish. What else never happens is injected.
 */
function isInTheWorld({ type }: ModelEvent, { value }: AnyMachineSnapshot): boolean {
  const state = JSON.stringify(value);
  if (type === 'transport.connected') return state.includes('dialing');
  if (type === 'transport.closed') return !state.includes('"connecting"');
  if (type === 'subscriptions.unanswered' || type === 'disconnect' || type.includes('after.lifetime'))
    return !state.includes('quiet');
  return true;
}

const model = connectionModel();
const paths = pathsOf(model, { filter: isInTheWorld });

const isUnderInquiry = ({ event }: TestStep): boolean => model.describe(event).includes('under inquiry');

describe('the connection machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const coverage = coverageOf(model);

  beforeAll(async () => {
    core = await startLocalIotCore({ plainPort: 0, limits: NO_RATE_LIMITS });
  });
  afterAll(() => core.stop());

  paths.forEach((path, index) => {
    test(`path ${index}: ${path.description}`, () =>
      path.test(subjectOn(core, `device-${index}`, coverage.observe)));
  });

  test('every state was entered and every transition taken', () => {
    console.log(String(coverage));
    coverage.expectAll();
  });
});

/** A device of this name, for one path. */
function subjectOn(core: LocalIotCore, clientId: string, observe: (event: InspectionEvent) => void): Subject {
  const device = new DeviceOnBroker(core, clientId, observe);
  return {
    begin: ({ steps }) => device.prepare({ closes: steps.some(isUnderInquiry) ? 2 : 1 }),
    perform: (event) => device.perform(event),
    state: () => device.connection.getSnapshot().value,
    check: ({ state }) => expectOnBroker(core, device, JSON.stringify(state.value)),
    end: async (_path, failure) => {
      try {
        if (failure === undefined) await expectGoodEnd(core, device);
      } finally {
        await device.abandon();
      }
    },
  };
}

async function expectGoodEnd(core: LocalIotCore, device: DeviceOnBroker): Promise<void> {
  const endsQuiet = device.state.includes('quiet');
  await device.finish();
  // Its DISCONNECT is behind whatever else it may have sent.
  if (endsQuiet) expect(device.sentOnThisLine()).toEqual(['connect', 'disconnect']);
  await core.when(() => core.connections.length === 0);
  expectInOrder(core, device);
}

/** What the broker must see in a state: claims of its own, not the machine's word. */
async function expectOnBroker(core: LocalIotCore, device: DeviceOnBroker, state: string): Promise<void> {
  const sessions = () => core.clients.filter(({ clientId }) => clientId === device.clientId);
  if (/idle|backingOff|failed|signingIn/.test(state)) {
    await core.when(() => core.connections.length === 0 && sessions().length === 0);
    return;
  }
  expect(core.connections).toHaveLength(1);
  if (state.includes('dialing')) {
    expect(sessions()).toHaveLength(0);
    return;
  }
  expect(sessions()).toHaveLength(1);
  if (!/draining|live/.test(state)) return;
  const isWanted = ({ filter }: { readonly filter: string }): boolean => filter === device.topic('wanted');
  await core.when(() => sessions()[0]?.subscriptions.some(isWanted) === true);
}

/** First receipts are in the order of the calls, and whatever was called delivered is there. */
function expectInOrder(core: LocalIotCore, device: DeviceOnBroker): void {
  const received = core.received
    .filter(({ topic }) => topic === device.topic('message'))
    .map(({ payload }) => Number(payload.toString()));
  const first = [...new Set(received)];
  expect(first).toEqual([...first].sort((a, b) => a - b));
  for (const { id, state } of device.published) {
    expect(state).not.toBe('open');
    if (state === 'delivered') expect(first).toContain(Number(id));
  }
}
