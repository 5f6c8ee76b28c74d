// @ts-check
// The connection machine of this package, with its backoff, inside a machine of the app, over a line that has nothing to do
// with MQTT: to a modem (modem.mjs), behind a transport of 30 lines (transport.mjs). No broker, no client, no account.

import { connectionMachine, Handle } from 'aws-iot-machines/machines';
import { createActor, sendTo, setup, waitFor } from 'xstate';
import { startModem } from './modem.mjs';
import { modemTransport } from './transport.mjs';

const modem = await startModem();

const appMachine = setup({
  types: {
    events: /** @type {{ type: 'switch' } | import('aws-iot-machines/machines').ConnectionFact} */ ({}),
  },
  actors: { connection: connectionMachine },
  actions: {
    connect: sendTo('line', { type: 'connect' }),
    tell: ({ event }) => console.log('error' in event ? `${event.type}  ${event.error.message}` : event.type),
  },
}).createMachine({
  id: 'app',
  initial: 'off',
  states: {
    off: { on: { switch: 'on' } },
    // As long as the app is here it has a line, or is trying to. Leaving frees the line, whatever that is doing.
    on: {
      invoke: {
        id: 'line',
        src: 'connection',
        input: ({ self }) => ({
          ports: new Handle({ openTransport: modemTransport(modem.port) }),
          policy: {
            backoff: { baseMs: 200, maxMs: 1_000, stableMs: 5_000, jitter: 'none', firstRetryWithinMs: 0 },
          },
          parent: self,
        }),
      },
      // An initial transition is taken once, when the line is there to hear it.
      initial: { target: 'waiting', actions: 'connect' },
      states: {
        waiting: { on: { 'connection.live': { target: 'working', actions: 'tell' } } },
        working: { on: { 'connection.lost': { target: 'waiting', actions: 'tell' } } },
      },
      on: {
        // It says so at its start: it is idle until somebody wants a line.
        'connection.ended': {},
        'connection.*': { actions: 'tell' },
        switch: 'off',
      },
    },
  },
});

const app = createActor(appMachine);
let shown = '';
app.subscribe(({ value }) => {
  const state = JSON.stringify(value);
  if (state !== shown) console.log(`app is ${state}`);
  shown = state;
});
app.start();
app.send({ type: 'switch' });
await waitFor(app, (snapshot) => snapshot.matches({ on: 'working' }));

console.log('the modem hangs up');
modem.hangUp();
await waitFor(app, (snapshot) => snapshot.matches({ on: 'waiting' }));
await waitFor(app, (snapshot) => snapshot.matches({ on: 'working' }));

app.send({ type: 'switch' });
app.stop();
await modem.stop();
