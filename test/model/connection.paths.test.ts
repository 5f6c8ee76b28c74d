import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventObject, InspectionEvent } from 'xstate';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { type ConnectionEvent, connectionMachine, Handle } from '../../src/machines/index.ts';
import { IotError, type IotErrorCode } from '../../src/protocol/errors.ts';
import { createPathModel } from '../../src/testing/path-model.ts';
import { DELAYS, DeviceOnBroker } from './device-on-broker.ts';
import { takenIn, transitionsOf } from './transitions.ts';

const error = (code: IotErrorCode) => new IotError(code, 'made by the model');
const failed = (code: IotErrorCode) => ({ type: 'transport.failed' as const, error: error(code) });

/** Of a WebSocket: other lines have no lifetime. */
const session = { sessionPresent: false, receiveMaximum: 65_535, lifetimeMs: DELAYS.lifetime };

const anyEvents: readonly ConnectionEvent[] = [
  { type: 'connect' },
  { type: 'disconnect' },
  { type: 'network.online' },
  { type: 'transport.signedIn' },
  { type: 'transport.connected', session },
  { type: 'transport.connected', session: { ...session, caution: { quietMs: 500, filtersPerSubscribe: 8 } } },
  failed('SERVER_UNAVAILABLE'),
  failed('NOT_AUTHORIZED'),
  failed('BAD_CREDENTIALS'),
  failed('INVALID_CLIENT_ID'),
  { type: 'transport.closed', error: error('CONNECTION_LOST') },
  { type: 'subscriptions.settled' },
  { type: 'subscriptions.unanswered', error: error('OPERATION_TIMEOUT') },
  { type: 'queue.drained' },
  { type: 'outbox.flushed' },
];

/**
 * What the world can make a real client take. The rest is tested with a transport of our own: our actors turn a throw into
 * a fact, the outbox throws none, and our transport signs in before it connects, fails only before CONNACK and closes only
 * after it.
 */
function isInTheWorld({ type }: EventObject, state: string): boolean {
  if (type === 'transport.connected') return state.includes('dialing');
  if (type === 'transport.failed') return state.includes('"connecting"');
  if (type === 'transport.closed') return !state.includes('"connecting"');
  // Nothing is asked in a quiet time, and nothing is in flight: a planned end has nothing to finish.
  if (type === 'subscriptions.unanswered' || type === 'disconnect') return !state.includes('quiet');
  return true;
}

const isLifetimeOver = ({ type }: EventObject): boolean => type.includes('after.lifetime');
const isQuiet = (step: { readonly state: { readonly value: unknown } } | undefined): boolean =>
  JSON.stringify(step?.state.value).includes('quiet');

const model = createPathModel(connectionMachine, {
  input: {
    ports: new Handle({
      openTransport: () => {
        throw new Error('a model opens nothing');
      },
    }),
  },
  cover: 'transitions',
  abstract: ({ refusedSignIns }) => Math.min(refusedSignIns, 1),
  payloads: (snapshot) => anyEvents.filter((event) => isInTheWorld(event, JSON.stringify(snapshot.value))),
});

const paths = model
  .getShortestPaths()
  // In a client the subscriptions machine bounds the resubscribing.
  .filter(({ steps }) => !steps.some(({ event }) => event.type.includes('resubscribeTimeout')))
  // As with a disconnect: the planned end that begins in a quiet time has nothing to finish.
  .filter(
    ({ steps }) => !steps.some(({ event }, index) => isLifetimeOver(event) && isQuiet(steps[index - 1])),
  );

/** The transitions that `isInTheWorld` and the note on the bound leave out, and no others. */
const BEYOND_THE_WORLD: readonly string[] = [
  'connection on transport.failed to nothing',
  'connection on xstate.error.* to nothing',
  'connection.line on xstate.error.actor.transport to connection.lost',
  'connection.line.connected.session.flushing on transport.failed to connection.idle',
  'connection.line.connected.session.flushing on xstate.error.actor.flush to connection.line.disconnecting.forGood',
  'connection.line.connected.session.flushing on xstate.error.actor.transport to connection.idle',
  'connection.line.connected.session.renewing on xstate.error.actor.flush to connection.line.disconnecting.again',
  'connection.line.connected.session.up on queue.failed to connection.lost',
  'connection.line.connected.session.up.draining on xstate.error.actor.drain to connection.line.connected.session.up.live',
  'connection.line.connected.session.up.resubscribing on xstate.after.resubscribeTimeout.connection.line.connected.session.up.resubscribing to connection.lost',
  'connection.line.connected.session.up.resubscribing on xstate.error.actor.resubscription to connection.line.connected.session.up.draining',
  'connection.line.disconnecting.again on transport.failed to connection.backingOff.once',
  'connection.line.disconnecting.again on xstate.error.actor.transport to connection.backingOff.once',
  'connection.line.disconnecting.forGood on transport.failed to connection.idle',
  'connection.line.disconnecting.forGood on xstate.error.actor.transport to connection.idle',
];

const isUnderInquiry = (event: EventObject): boolean =>
  event.type === 'transport.connected' && 'caution' in (event as typeof event & { session: object }).session;

function titleOf(steps: readonly { readonly event: EventObject }[]): string {
  return steps
    .slice(1)
    .map(({ event }) => {
      const reason = 'error' in event && IotError.is(event.error) ? ` (${event.error.recovery})` : '';
      const inquiry = isUnderInquiry(event) ? ' (under inquiry)' : '';
      return event.type.replace(/^xstate\.(after\.\w+)\..*/, '$1') + reason + inquiry;
    })
    .join(', ');
}

describe('the connection machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const taken = new Set<string>();
  const watch = (step: InspectionEvent): void => takenIn(step, taken);

  beforeAll(async () => {
    core = await startLocalIotCore({ plainPort: 0, limits: NO_RATE_LIMITS });
  });
  afterAll(() => core.stop());

  paths.forEach((path, index) => {
    test(`path ${index}: ${titleOf(path.steps)}`, async () => {
      const device = new DeviceOnBroker(core, `device-${index}`, watch);
      try {
        await device.prepare({ closes: path.steps.some(({ event }) => isUnderInquiry(event)) ? 2 : 1 });
        for (const { event, state } of path.steps.slice(1)) {
          await device.perform(event);
          const expected = JSON.stringify(state.value);
          await device.reaches(expected);
          await expectOnBroker(core, device, expected);
        }
        const endsQuiet = device.state.includes('quiet');
        await device.finish();
        // Its DISCONNECT is behind whatever else it may have sent.
        if (endsQuiet) expect(device.sentOnThisLine()).toEqual(['connect', 'disconnect']);
        expect(core.connections).toHaveLength(0);
        expectInOrder(core, device);
      } finally {
        await device.abandon();
      }
    });
  });

  test('every transition was taken, but for those that the world cannot take', () => {
    const all = transitionsOf(connectionMachine.root);
    expect(all.filter((name) => !taken.has(name)).sort()).toEqual(BEYOND_THE_WORLD);
  });
});

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
  expect(sessions()[0]?.subscriptions.map(({ filter }) => filter)).toContain(device.topic('wanted'));
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
