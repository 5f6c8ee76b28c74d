import { actorOf } from '../../src/machines/index.ts';
import { KNOWN, type Scene } from './every-state-support.ts';

// States that a call finds alike. In those of the first kind nobody waits, in those that try or return a connect() does, in
// those that end a disconnect(), in `closing` a close().
export const RESTING = 'idle slow failed';
export const TRYING = 'signingIn dialing connack backingOff once';
/** Whatever is asked now, the broker answers. */
const ASKED = 'resubscribing draining live stable';
export const UP = `quiet ${ASKED}`;
export const ENDING = 'flushing forGood';
export const RETURNING = 'renewing again';

/** Calls of one turn, and what they come to, as `Scene.play` tells it, in which states. */
export interface Row {
  readonly calls: string;
  readonly make: (scene: Scene) => readonly unknown[];
  readonly ends: readonly (readonly [told: string, states: string])[];
}

/** What each kind of call comes to, alone and twice at once. */
export const CALLS: readonly Row[] = [
  {
    calls: 'connect',
    make: ({ client }) => [client.connect()],
    ends: [
      ['live …ok', RESTING],
      ['live …ok (…ok)', `${TRYING} ${RETURNING}`],
      ['live ok', UP],
      ['live …ok (ok)', ENDING],
      ['closed CLOSED (…ok)', 'closing'],
      ['closed CLOSED', 'closed'],
    ],
  },
  {
    calls: 'connect connect',
    make: ({ client }) => [client.connect(), client.connect()],
    ends: [
      ['live …ok …ok', RESTING],
      ['live …ok …ok (…ok)', `${TRYING} ${RETURNING}`],
      ['live ok ok', UP],
      ['live …ok …ok (ok)', ENDING],
      ['closed CLOSED CLOSED (…ok)', 'closing'],
      ['closed CLOSED CLOSED', 'closed'],
    ],
  },
  {
    calls: 'connect(aborted)',
    make: ({ client }) => [client.connect({ signal: AbortSignal.abort('enough') })],
    ends: [
      ['idle enough', 'idle'],
      ['live enough (…ok)', `${TRYING} ${RETURNING}`],
      ['live enough', `${UP} slow`],
      ['idle enough (…ok)', ENDING],
      ['failed enough', 'failed'],
      ['closed enough (…ok)', 'closing'],
      ['closed enough', 'closed'],
    ],
  },
  {
    calls: 'connect(aborts)',
    make: ({ client, signal }) => [client.connect({ signal })],
    ends: [
      ['idle enough', 'idle failed'],
      ['live enough (…ok)', `${TRYING} ${RETURNING}`],
      ['live ok', UP],
      ['idle enough (ok)', ENDING],
      ['live enough', 'slow'],
      ['closed CLOSED (…ok)', 'closing'],
      ['closed CLOSED', 'closed'],
    ],
  },
  {
    calls: 'connect(1 ms)',
    make: ({ client }) => [client.connect({ timeoutMs: 1 })],
    ends: [
      ['idle TIMEOUT', 'idle failed'],
      ['live TIMEOUT (…ok)', `${TRYING} ${RETURNING}`],
      ['live ok', UP],
      ['idle TIMEOUT (ok)', ENDING],
      ['live TIMEOUT', 'slow'],
      ['closed CLOSED (…ok)', 'closing'],
      ['closed CLOSED', 'closed'],
    ],
  },
  {
    calls: 'connect connect(aborts)',
    make: ({ client, signal }) => [client.connect(), client.connect({ signal })],
    ends: [
      ['live …ok enough', RESTING],
      ['live …ok enough (…ok)', `${TRYING} ${RETURNING}`],
      ['live ok ok', UP],
      ['live …ok enough (ok)', ENDING],
      ['closed CLOSED CLOSED (…ok)', 'closing'],
      ['closed CLOSED CLOSED', 'closed'],
    ],
  },
  {
    calls: 'connect(1 ms) connect(aborts)',
    make: ({ client, signal }) => [client.connect({ timeoutMs: 1 }), client.connect({ signal })],
    ends: [
      ['idle TIMEOUT enough', 'idle failed'],
      ['live TIMEOUT enough (…ok)', `${TRYING} ${RETURNING}`],
      ['live ok ok', UP],
      ['idle TIMEOUT enough (ok)', ENDING],
      ['live TIMEOUT enough', 'slow'],
      ['closed CLOSED CLOSED (…ok)', 'closing'],
      ['closed CLOSED CLOSED', 'closed'],
    ],
  },
  {
    calls: 'disconnect',
    make: ({ client }) => [client.disconnect()],
    ends: [
      ['idle ok', RESTING],
      ['idle ok (DISCONNECTED)', TRYING],
      ['idle …ok', UP],
      ['idle …ok (…ok)', ENDING],
      ['idle …ok (DISCONNECTED)', RETURNING],
      ['closed …ok (…ok)', 'closing'],
      ['closed ok', 'closed'],
    ],
  },
  {
    calls: 'disconnect(0)',
    make: ({ client }) => [client.disconnect({ flushTimeoutMs: 0 })],
    ends: [
      ['idle ok', RESTING],
      ['idle ok (DISCONNECTED)', TRYING],
      ['idle …ok', UP],
      ['idle …ok (…ok)', ENDING],
      ['idle …ok (DISCONNECTED)', RETURNING],
      ['closed …ok (…ok)', 'closing'],
      ['closed ok', 'closed'],
    ],
  },
  {
    calls: 'disconnect disconnect(0)',
    make: ({ client }) => [client.disconnect(), client.disconnect({ flushTimeoutMs: 0 })],
    ends: [
      ['idle ok ok', RESTING],
      ['idle ok ok (DISCONNECTED)', TRYING],
      ['idle …ok …ok', UP],
      ['idle …ok …ok (…ok)', ENDING],
      ['idle …ok …ok (DISCONNECTED)', RETURNING],
      ['closed …ok …ok (…ok)', 'closing'],
      ['closed ok ok', 'closed'],
    ],
  },
  {
    calls: 'close',
    make: ({ client }) => [client.close()],
    ends: [
      ['closed ok', `${RESTING} closed`],
      ['closed ok (CLOSED)', TRYING],
      ['closed …ok', UP],
      ['closed …ok (…ok)', `${ENDING} closing`],
      ['closed …ok (…CLOSED)', RETURNING],
    ],
  },
  {
    calls: 'close(0)',
    make: ({ client }) => [client.close({ flushTimeoutMs: 0 })],
    ends: [
      ['closed ok', `${RESTING} closed`],
      ['closed ok (CLOSED)', TRYING],
      ['closed …ok', UP],
      ['closed …ok (…ok)', `${ENDING} closing`],
      ['closed …ok (…CLOSED)', RETURNING],
    ],
  },
  {
    calls: 'close close(0)',
    make: ({ client }) => [client.close(), client.close({ flushTimeoutMs: 0 })],
    ends: [
      ['closed ok ok', `${RESTING} closed`],
      ['closed ok ok (CLOSED)', TRYING],
      ['closed …ok …ok', UP],
      ['closed …ok …ok (…ok)', `${ENDING} closing`],
      ['closed …ok …ok (…CLOSED)', RETURNING],
    ],
  },
  {
    calls: 'the actor is stopped',
    make: ({ client }) => {
      actorOf(client).stop();
      return ['stopped'];
    },
    ends: [
      ['closed -', `${RESTING} ${UP} closed`],
      ['closed - (CLOSED)', `${TRYING} ${RETURNING}`],
      ['closed - (ok)', `${ENDING} closing`],
    ],
  },
  {
    calls: 'networkOnline',
    make: ({ client }) => {
      client.networkOnline();
      return ['told'];
    },
    ends: [
      ['idle -', 'idle'],
      ['live - (…ok)', `${TRYING} ${RETURNING}`],
      ['live -', `${UP} slow`],
      ['idle - (…ok)', ENDING],
      ['failed -', 'failed'],
      ['closed - (…ok)', 'closing'],
      ['closed -', 'closed'],
    ],
  },
  {
    calls: 'publish 0',
    make: ({ client }) => [client.publish('a', 'b')],
    ends: [
      ['idle queued>CLOSED', 'idle'],
      ['live queued>ok (…ok)', `${TRYING} ${RETURNING}`],
      ['live queued>ok', 'quiet resubscribing draining slow'],
      ['live delivered', 'live stable'],
      ['idle queued>CLOSED (…ok)', ENDING],
      ['failed queued>CLOSED', 'failed'],
      ['closed CLOSED (…ok)', 'closing'],
      ['closed CLOSED', 'closed'],
    ],
  },
  {
    calls: 'publish 1',
    make: ({ client }) => [client.publish('a', 'b', { qos: 1 })],
    ends: [
      ['idle queued>CLOSED', 'idle'],
      ['live queued>ok (…ok)', `${TRYING} ${RETURNING}`],
      ['live queued>ok', 'quiet resubscribing draining slow'],
      ['live …delivered', 'live stable'],
      ['idle queued>CLOSED (…ok)', ENDING],
      ['failed queued>CLOSED', 'failed'],
      ['closed CLOSED (…ok)', 'closing'],
      ['closed CLOSED', 'closed'],
    ],
  },
  {
    calls: 'publish(aborts)',
    make: ({ client, signal }) => [client.publish('a', 'b', { qos: 1, signal })],
    ends: [
      ['idle queued>enough', 'idle'],
      ['live queued>enough (…ok)', `${TRYING} ${RETURNING}`],
      ['live queued>enough', 'quiet resubscribing draining slow'],
      ['live enough', 'live stable'],
      ['idle queued>enough (…ok)', ENDING],
      ['failed queued>enough', 'failed'],
      ['closed CLOSED (…ok)', 'closing'],
      ['closed CLOSED', 'closed'],
    ],
  },
  {
    calls: 'subscribe',
    make: ({ client }) => [client.subscribe('new', () => undefined)],
    ends: [
      ['idle recorded>CLOSED', 'idle'],
      ['live recorded>ok (…ok)', `${TRYING} ${RETURNING}`],
      ['live …granted', ASKED],
      ['idle recorded>CLOSED (…ok)', ENDING],
      ['live recorded>ok', 'quiet slow'],
      ['failed recorded>CLOSED', 'failed'],
      ['closed CLOSED (…ok)', 'closing'],
      ['closed CLOSED', 'closed'],
    ],
  },
  {
    calls: 'subscribe(aborts)',
    make: ({ client, signal }) => [client.subscribe('new', { signal }, () => undefined)],
    ends: [
      ['idle recorded>CLOSED', 'idle'],
      ['live recorded>ok (…ok)', `${TRYING} ${RETURNING}`],
      ['live enough', ASKED],
      ['idle recorded>CLOSED (…ok)', ENDING],
      ['live recorded>ok', 'quiet slow'],
      ['failed recorded>CLOSED', 'failed'],
      ['closed CLOSED (…ok)', 'closing'],
      ['closed CLOSED', 'closed'],
    ],
  },
  {
    calls: 'unsubscribe',
    make: ({ client }) => [client.unsubscribe(KNOWN)],
    ends: [
      ['idle ok', 'idle'],
      ['live ok (…ok)', `${TRYING} ${RETURNING}`],
      ['live …ok', ASKED],
      ['idle ok (…ok)', ENDING],
      ['live ok', 'quiet slow'],
      ['failed ok', 'failed'],
      ['closed ok (…ok)', 'closing'],
      ['closed ok', 'closed'],
    ],
  },
  {
    calls: 'unsubscribe(aborts)',
    make: ({ client, signal }) => [client.unsubscribe(KNOWN, { signal })],
    ends: [
      ['idle ok', 'idle'],
      ['live ok (…ok)', `${TRYING} ${RETURNING}`],
      ['live enough', ASKED],
      ['idle ok (…ok)', ENDING],
      ['live ok', 'quiet slow'],
      ['failed ok', 'failed'],
      ['closed ok (…ok)', 'closing'],
      ['closed ok', 'closed'],
    ],
  },
];
