// One client, and one machine of an app, with an inspector or without one. Arguments: off or served, the port of the broker.
import { createIotClient, plainTcp } from 'aws-iot-machines';
import { createActor, createMachine } from 'xstate';
import { serve } from './child.mjs';
import { stopwatch } from './stats.mjs';

const OPEN = 100;
/** Events of one turn of the event loop: what is looked at is shown between them. */
const EVENTS_PER_TURN = 100;

const [kind, port] = process.argv.slice(2);
const client = createIotClient({
  endpoint: '127.0.0.1',
  port: Number(port),
  clientId: `${kind}-${process.pid}`,
  auth: plainTcp(),
});
await client.connect();
await client.when('live');
const actor = createActor(
  createMachine({
    id: 'lamp',
    initial: 'off',
    context: { presses: 0, room: 'kitchen' },
    states: { off: { on: { press: 'on' } }, on: { on: { press: 'off' } } },
  }),
).start();

let url;
if (kind === 'served') {
  const { serveInspector } = await import('aws-iot-machines/inspect');
  ({ url } = await serveInspector([client, actor]));
}

async function publishers(count) {
  const each = count / OPEN;
  const publisher = async () => {
    for (let n = 0; n < each; n++) await client.publish('bench/a', 'x'.repeat(128), { qos: 1 });
  };
  await Promise.all(Array.from({ length: OPEN }, publisher));
}

async function events(count) {
  for (let n = 0; n < count; n += EVENTS_PER_TURN) {
    for (let i = 0; i < EVENTS_PER_TURN; i++) actor.send({ type: 'press' });
    await new Promise((resolve) => setImmediate(resolve));
  }
}

serve(
  {
    /** Seconds of CPU and of the clock until all was done. */
    async work({ what, count }) {
      globalThis.gc?.();
      const seconds = stopwatch();
      await (what === 'publish' ? publishers(count) : events(count));
      return seconds();
    },
  },
  { url },
);
