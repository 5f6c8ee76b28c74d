import { KNOWN } from './every-state-support.ts';
import { ENDING, RESTING, RETURNING, type Row, TRYING, UP } from './every-state-table.ts';

/** What calls of several callers come to, against each other. */
export const CALLERS: readonly Row[] = [
  {
    calls: 'connect disconnect',
    make: ({ client }) => [client.connect(), client.disconnect()],
    ends: [
      ['idle DISCONNECTED ok', RESTING],
      ['idle DISCONNECTED ok (DISCONNECTED)', TRYING],
      ['idle ok …ok', UP],
      ['idle DISCONNECTED …ok (ok)', ENDING],
      ['idle DISCONNECTED …ok (DISCONNECTED)', RETURNING],
      ['closed CLOSED …ok (…ok)', 'closing'],
      ['closed CLOSED ok', 'closed'],
    ],
  },
  {
    calls: 'disconnect connect',
    make: ({ client }) => [client.disconnect(), client.connect()],
    ends: [
      ['live ok …ok', `${RESTING} ${UP}`],
      ['live ok …ok (DISCONNECTED)', `${TRYING} ${RETURNING}`],
      ['live ok …ok (ok)', ENDING],
      ['closed …ok CLOSED (…ok)', 'closing'],
      ['closed ok CLOSED', 'closed'],
    ],
  },
  {
    calls: 'connect disconnect connect',
    make: ({ client }) => [client.connect(), client.disconnect(), client.connect()],
    ends: [
      ['live DISCONNECTED ok …ok', RESTING],
      ['live DISCONNECTED ok …ok (DISCONNECTED)', `${TRYING} ${RETURNING}`],
      ['live ok ok …ok', UP],
      ['live DISCONNECTED ok …ok (ok)', ENDING],
      ['closed CLOSED …ok CLOSED (…ok)', 'closing'],
      ['closed CLOSED ok CLOSED', 'closed'],
    ],
  },
  {
    calls: 'disconnect connect disconnect',
    make: ({ client }) => [client.disconnect(), client.connect(), client.disconnect()],
    ends: [
      ['idle ok DISCONNECTED ok', RESTING],
      ['idle ok DISCONNECTED ok (DISCONNECTED)', TRYING],
      ['idle ok DISCONNECTED …ok', UP],
      ['idle ok DISCONNECTED …ok (ok)', ENDING],
      ['idle ok DISCONNECTED …ok (DISCONNECTED)', RETURNING],
      ['closed …ok CLOSED …ok (…ok)', 'closing'],
      ['closed ok CLOSED ok', 'closed'],
    ],
  },
  {
    calls: 'disconnect connect(aborts)',
    make: ({ client, signal }) => [client.disconnect(), client.connect({ signal })],
    ends: [
      ['idle ok enough', `${RESTING} ${UP}`],
      ['idle ok enough (DISCONNECTED)', `${TRYING} ${RETURNING}`],
      ['idle ok enough (ok)', ENDING],
      ['closed …ok CLOSED (…ok)', 'closing'],
      ['closed ok CLOSED', 'closed'],
    ],
  },
  {
    calls: 'connect(aborts) disconnect connect',
    make: ({ client, signal }) => [client.connect({ signal }), client.disconnect(), client.connect()],
    ends: [
      ['live DISCONNECTED ok …ok', RESTING],
      ['live DISCONNECTED ok …ok (DISCONNECTED)', `${TRYING} ${RETURNING}`],
      ['live ok ok …ok', UP],
      ['live DISCONNECTED ok …ok (ok)', ENDING],
      ['closed CLOSED …ok CLOSED (…ok)', 'closing'],
      ['closed CLOSED ok CLOSED', 'closed'],
    ],
  },
  {
    calls: 'connect close',
    make: ({ client }) => [client.connect(), client.close()],
    ends: [
      ['closed CLOSED ok', `${RESTING} closed`],
      ['closed CLOSED ok (CLOSED)', TRYING],
      ['closed ok …ok', UP],
      ['closed …CLOSED …ok (ok)', ENDING],
      ['closed …CLOSED …ok (…CLOSED)', RETURNING],
      ['closed CLOSED …ok (…ok)', 'closing'],
    ],
  },
  {
    calls: 'disconnect close(0)',
    make: ({ client }) => [client.disconnect(), client.close({ flushTimeoutMs: 0 })],
    ends: [
      ['closed ok ok', `${RESTING} closed`],
      ['closed ok ok (DISCONNECTED)', TRYING],
      ['closed …ok …ok', UP],
      ['closed …ok …ok (…ok)', `${ENDING} closing`],
      ['closed …ok …ok (DISCONNECTED)', RETURNING],
    ],
  },
  {
    calls: 'close connect disconnect',
    make: ({ client }) => [client.close(), client.connect(), client.disconnect()],
    ends: [
      ['closed ok CLOSED ok', `${RESTING} closed`],
      ['closed ok CLOSED ok (CLOSED)', TRYING],
      ['closed …ok CLOSED …ok', UP],
      ['closed …ok CLOSED …ok (…ok)', `${ENDING} closing`],
      ['closed …ok CLOSED …ok (…CLOSED)', RETURNING],
    ],
  },
  {
    calls: 'of all kinds, a close() in the midst',
    make: ({ client, signal }) => [
      client.connect({ signal }),
      client.publish('a', 'b', { qos: 1 }),
      client.subscribe('new', () => undefined),
      client.unsubscribe(KNOWN),
      client.disconnect(),
      client.connect(),
      client.close(),
      client.connect(),
      client.publish('a', 'b'),
      client.disconnect(),
    ],
    ends: [
      ['closed DISCONNECTED undelivered ended ok ok CLOSED ok CLOSED CLOSED ok', RESTING],
      ['closed DISCONNECTED undelivered ended ok ok CLOSED ok CLOSED CLOSED ok (DISCONNECTED)', TRYING],
      [
        'closed ok queued>CLOSED recorded>CLOSED ok ok …CLOSED …ok CLOSED CLOSED …ok',
        'quiet resubscribing draining',
      ],
      ['closed ok …delivered …recorded>CLOSED …ok ok …CLOSED …ok CLOSED CLOSED …ok', 'live stable'],
      ['closed DISCONNECTED queued>CLOSED recorded>CLOSED ok ok …CLOSED …ok CLOSED CLOSED …ok (ok)', ENDING],
      [
        'closed DISCONNECTED queued>CLOSED recorded>CLOSED ok ok …CLOSED …ok CLOSED CLOSED …ok (DISCONNECTED)',
        RETURNING,
      ],
      ['closed CLOSED CLOSED CLOSED ok …ok CLOSED …ok CLOSED CLOSED …ok (…ok)', 'closing'],
      ['closed CLOSED CLOSED CLOSED ok ok CLOSED ok CLOSED CLOSED ok', 'closed'],
    ],
  },
];
