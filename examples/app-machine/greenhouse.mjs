// @ts-check
// The machine of an app: a greenhouse that waters when it is dry, or when somebody tells it to. It owns its client and talks to
// it by events alone: commands go to the actor, and each fact comes back as an event.

import { clientInput } from 'aws-iot-machines';
import { clientMachine } from 'aws-iot-machines/machines';
import { assertEvent, sendTo, setup } from 'xstate';

const DRY = 0.3;

/**
 * @typedef {import('aws-iot-machines').IotClientOptions} Options
 * @typedef {import('aws-iot-machines/machines').ClientFact} Fact
 */

export const greenhouseMachine = setup({
  types: {
    input: /** @type {{ options: Options, tell: (label: string, text: string) => void }} */ ({}),
    context: /** @type {{ options: Options, tell: (label: string, text: string) => void }} */ ({}),
    events: /** @type {{ type: 'measured', moisture: number } | { type: 'watered' } | Fact} */ ({}),
  },
  actors: { client: clientMachine },
  guards: {
    isDry: ({ event }) => event.type === 'measured' && event.moisture < DRY,
    says: ({ event }, /** @type {{ word: string }} */ { word }) =>
      event.type === 'message.received' && event.message.text() === word,
  },
  actions: {
    connect: sendTo('client', { type: 'connect' }),
    listen: sendTo('client', { type: 'subscribe', filter: 'greenhouse/command', qos: 1 }),
    report: sendTo('client', ({ event }) => {
      assertEvent(event, 'measured');
      const payload = { moisture: event.moisture };
      return { type: 'publish', id: String(event.moisture), topic: 'greenhouse/moisture', payload, qos: 1 };
    }),
    tellQueued: ({ context, event }) => {
      assertEvent(event, 'message.queued');
      context.tell('waits', `moisture ${event.id}`);
    },
    tellDelivered: ({ context, event }) => {
      assertEvent(event, 'message.delivered');
      context.tell('sent', `moisture ${event.id}`);
    },
    tellUndelivered: ({ context, event }) => {
      assertEvent(event, 'message.undelivered');
      context.tell('lost', `moisture ${event.id}: ${event.error.code}`);
    },
    tellState: ({ context }, /** @type {{ text: string }} */ { text }) => context.tell('app', text),
  },
}).createMachine({
  id: 'greenhouse',
  context: ({ input }) => input,
  // The client lives as long as the greenhouse: what it does about its line is its own business.
  invoke: {
    id: 'client',
    src: 'client',
    input: ({ context, self }) => clientInput(context.options, { parent: self }),
  },
  // It listens to all that the client tells and takes what it needs: other facts, such as those of the line, pass.
  on: {
    'message.queued': { actions: 'tellQueued' },
    'message.delivered': { actions: 'tellDelivered' },
    'message.undelivered': { actions: 'tellUndelivered' },
    measured: { actions: 'report' },
  },
  // Once, when the client is there to hear it. It keeps both for good: over each line that breaks.
  initial: { target: 'resting', actions: ['listen', 'connect'] },
  states: {
    resting: {
      entry: { type: 'tellState', params: { text: 'rests' } },
      on: {
        measured: { guard: 'isDry', target: 'watering', actions: 'report' },
        'message.received': { guard: { type: 'says', params: { word: 'water' } }, target: 'watering' },
      },
    },
    watering: {
      entry: { type: 'tellState', params: { text: 'waters' } },
      on: { watered: 'resting' },
    },
  },
});
