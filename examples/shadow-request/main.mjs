// @ts-check
// One request and its answer: `shadowOperationMachine` alone, without a client, a broker or a line. All that it needs of the
// world are ports; here they are stubs. So it can be read, tested, and used for whatever else answers on topics with a token.
// It is shown what may become of a request: it is answered, stays without an answer, may not listen to one, or its line ends.

import { IotError } from 'aws-iot-machines';
import { Handle, shadowOperationMachine } from 'aws-iot-machines/machines';
import { createActor, toPromise } from 'xstate';

/**
 * @typedef {import('aws-iot-machines/machines').ShadowOperationPorts} Ports
 * @typedef {import('aws-iot-machines/machines').ListeningFact} ListeningFact
 */

const nothing = () => undefined;

/**
 * Ports of a line that is up, and of a service that grants the topics of its answers at once. Each port calls back, and
 * returns how to stop that.
 *
 * @param {(answer: (fact: ListeningFact) => void) => void} respond is called when the request is on the wire
 * @returns {Ports}
 */
function stub(respond) {
  /** @type {(fact: ListeningFact) => void} */
  let answer = nothing;
  return {
    watchLine: (listener) => {
      listener({ type: 'line.up' });
      return nothing;
    },
    takeSlot: (taken) => {
      taken();
      return nothing;
    },
    listen: (listener) => {
      answer = listener;
      listener({ type: 'topics.granted' });
      return nothing;
    },
    publish: (told) => {
      told({ type: 'request.sent' });
      respond(answer);
      return nothing;
    },
    onReleased: (callback) => {
      callback();
      return nothing;
    },
  };
}

/**
 * The innermost active state: this machine is in one at a time.
 *
 * @param {import('xstate').StateValue} value
 * @returns {string}
 */
function innermost(value) {
  if (typeof value === 'string') return value;
  const [inner = ''] = Object.values(value);
  return innermost(inner);
}

/**
 * @param {string} name
 * @param {Ports} ports
 */
async function run(name, ports) {
  const input = { ports: new Handle(ports), kind: /** @type {const} */ ('get'), timeoutMs: 100 };
  const actor = createActor(shadowOperationMachine, { input });
  /** @type {string[]} */
  const states = [];
  actor.subscribe(({ value }) => states.push(innermost(value)));
  actor.start();
  const { outcome } = await toPromise(actor);
  const reason = 'error' in outcome ? `  ${outcome.error.code}` : `  version ${outcome.version}`;
  console.log(`${name.padEnd(9)} ${outcome.type}${reason}`);
  console.log(`          ${states.filter((state, at) => state !== states[at - 1]).join(' → ')}`);
}

await run(
  'answered',
  stub((answer) => answer({ type: 'response.accepted', version: 7 })),
);
await run('silent', stub(nothing));
await run('denied', {
  ...stub(nothing),
  listen: (listener) => {
    listener({ type: 'topics.refused', error: new IotError('SUBSCRIPTION_REFUSED', 'the policy denies it') });
    return nothing;
  },
});
await run('cut', {
  ...stub(nothing),
  watchLine: (listener) => {
    listener({ type: 'line.up' });
    const timer = setTimeout(() => listener({ type: 'line.lost' }), 20);
    return () => clearTimeout(timer);
  },
});
