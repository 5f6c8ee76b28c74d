import { describe, expect, test } from 'vitest';
import type { EventObject } from 'xstate';
import {
  Handle,
  type ShadowOperationContext,
  type ShadowOperationPorts,
  shadowOperationMachine,
} from '../../src/machines/index.ts';
import { adjacencyOf, type Edge, machineModel } from '../../src/testing/index.ts';
import { pure } from './pure.ts';
import { accepted, rejected } from './shadow-operation-world.ts';
import { error, placeOf } from './support.ts';

const given = (type: string, more: object = {}): EventObject => ({ type, ...more });
const PAYLOADS = [
  accepted(),
  rejected(400),
  rejected(429),
  given('abort', { error: error('ABORTED') }),
  given('topics.refused', { error: error('SUBSCRIPTION_REFUSED') }),
  given('request.failed', { error: error('CLOSED') }),
  given('response.uncorrelated', { error: error('SHADOW_REJECTED') }),
  given('actor.failed', { error: error('INTERNAL') }),
  ...['line', 'slot', 'listener', 'publisher', 'releaser'].map((id) =>
    given(`xstate.error.actor.${id}`, { error: new Error('test') }),
  ),
];
const NOBODY = new Handle<ShadowOperationPorts>({ random: () => 0 } as never);

describe.each([
  [false, false],
  [false, true],
  [true, false],
  [true, true],
])(
  'an operation that waits for a connection: %s, and keeps its topics: %s',
  (waitForConnection, keepsTopics) => {
    const input = { ports: NOBODY, kind: 'update', waitForConnection, keepsTopics } as const;
    const { step } = pure(shadowOperationMachine, input);
    const inContext = (context: unknown) => context as ShadowOperationContext;
    const model = machineModel(shadowOperationMachine, {
      input,
      events: PAYLOADS,
      abstract: (context) => {
        const { hint, throttledBy, throttles, outcome } = inContext(context);
        return [hint === undefined, throttledBy === undefined, Math.min(throttles, 1), outcome?.type];
      },
    });
    const { states, edges, reachable } = adjacencyOf(model);
    const show = ({ from, event, to }: Edge) => `${placeOf(from)} --${event.type}--> ${placeOf(to)}`;
    const except = (claim: (edge: Edge) => boolean) => edges.filter((edge) => !claim(edge)).map(show);
    const effects = new Map(edges.map((edge) => [edge, step(edge.from, edge.event).effects]));
    const has = (edge: Edge, effect: string) => effects.get(edge)?.includes(effect) === true;
    const isEnded = ({ context }: { context: unknown }) => inContext(context).outcome !== undefined;
    const wasSent = (place: string) => place.includes('.sent.');

    test('are claimed of all there is', () => {
      expect([...new Set(states.map(placeOf))].sort()).toEqual([
        'done',
        'open.engaged.listening.publishing',
        'open.engaged.listening.sent.pending',
        'open.engaged.listening.sent.republishing',
        'open.engaged.listening.sent.throttled',
        'open.engaged.listening.subscribing',
        'open.engaged.queueing',
        'open.waiting',
        ...(keepsTopics ? [] : ['unsubscribing']),
      ]);
    });

    test('py:H20 the outcome is told exactly when it becomes known, and never changes', () => {
      expect(
        except((edge) => has(edge, 'emit operation.ended') === (isEnded(edge.to) && !isEnded(edge.from))),
      ).toEqual([]);
      expect(
        except(
          ({ from, to }) =>
            !isEnded(from) || inContext(to.context).outcome === inContext(from.context).outcome,
        ),
      ).toEqual([]);
    });

    test('it is known exactly when the operation is over, whatever it still waits for', () => {
      for (const state of states)
        expect(isEnded(state), placeOf(state)).toBe(!placeOf(state).startsWith('open'));
    });

    test('once it is told, nothing is published, no place is held and no topic is listened to', () => {
      for (const state of states.filter(isEnded)) {
        expect(Object.keys(state.children)).toEqual(placeOf(state) === 'unsubscribing' ? ['releaser'] : []);
      }
      expect(except((edge) => !isEnded(edge.from) || !has(edge, 'start publisher'))).toEqual([]);
    });

    test('fault:H-11 what was sent is sent again after a 429 only', () => {
      for (const edge of edges) {
        if (!has(edge, 'start publisher')) continue;
        const from = placeOf(edge.from);
        expect(['open.engaged.listening.subscribing', 'open.engaged.listening.sent.throttled']).toContain(
          from,
        );
      }
      // And into what is not sent leads nothing that was.
      const sent = states.filter((state) => wasSent(placeOf(state)));
      expect(
        reachable(sent).filter(
          (state) =>
            /waiting|queueing|subscribing|publishing/.test(placeOf(state)) &&
            !/republishing|unsubscribing/.test(placeOf(state)),
        ),
      ).toEqual([]);
      const into = edges.filter(
        ({ from, to }) => /throttled/.test(placeOf(to)) && !/throttled/.test(placeOf(from)),
      );
      expect(into.length).toBeGreaterThan(0);
      for (const { event } of into) expect(event).toMatchObject({ error: { reasonCode: 429 } });
    });

    test('an answer counts only for what was sent', () => {
      const isAnswer = (type: string) => type.startsWith('response.');
      expect(
        except(
          ({ from, event, to }) =>
            !isAnswer(event.type) || wasSent(placeOf(from)) || placeOf(from) === placeOf(to),
        ),
      ).toEqual([]);
      for (const { from, event, to } of edges) {
        if (wasSent(placeOf(from)) && event.type === 'response.accepted')
          expect(inContext(to.context).outcome?.type).toBe('accepted');
      }
    });

    test('fault:H-16 without a line nothing but waiting is left, and only for who wants to wait', () => {
      const lost = edges.filter(({ event, from }) => event.type === 'line.lost' && !isEnded(from));
      expect(lost.length).toBeGreaterThan(5);
      for (const { from, to } of lost) {
        const [was, is] = [placeOf(from), placeOf(to)];
        if (!wasSent(was) && waitForConnection) expect(is).toBe('open.waiting');
        else {
          const sentType = /pending/.test(was) ? 'outcomeUnknown' : 'rejected';
          expect(inContext(to.context).outcome?.type).toBe(wasSent(was) ? sentType : 'disconnected');
        }
      }
    });

    test('each resource lives exactly where it is needed', () => {
      const NEEDED = {
        line: /^open/,
        slot: /^open\.engaged/,
        listener: /listening/,
        publisher: /publishing$/,
        releaser: /^unsubscribing$/,
      };
      for (const state of states) {
        const place = placeOf(state);
        const needed = Object.entries(NEEDED).flatMap(([id, where]) => (where.test(place) ? [id] : []));
        expect(Object.keys(state.children).sort(), place).toEqual(needed.sort());
      }
    });

    test('what was sent ends by time alone', () => {
      const byTime = ({ event }: Edge) => event.type.startsWith('xstate.after.');
      for (const state of states) {
        const place = placeOf(state);
        if (!wasSent(place) && place !== 'unsubscribing') continue;
        expect(
          reachable([state], byTime).some((one) => placeOf(one) === 'done'),
          place,
        ).toBe(true);
      }
    });

    test('an abort ends it from everywhere, and so does a fault', () => {
      for (const { event, to } of edges) {
        if (/^(abort|actor\.failed|xstate\.error)/.test(event.type)) expect(isEnded(to)).toBe(true);
      }
    });
  },
);
