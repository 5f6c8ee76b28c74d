import { describe, expect, test } from 'vitest';
import type { EventObject } from 'xstate';
import {
  Handle,
  type SubscriptionsContext,
  type SubscriptionsPorts,
  subscriptionsMachine,
} from '../../src/machines/index.ts';
import type { FilterAnswer } from '../../src/protocol/transport.ts';
import { adjacencyOf, type Edge, machineModel } from '../../src/testing/index.ts';
import { pure } from './pure.ts';
import { grant, refuse } from './subscriptions-world.ts';
import { error, placeOf } from './support.ts';

describe('the subscriptions machine', () => {
  const input = { ports: new Handle<SubscriptionsPorts>({ currentWire: () => undefined }) };
  const { step } = pure(subscriptionsMachine, input);
  const inContext = (context: unknown) => context as SubscriptionsContext;
  const model = machineModel(subscriptionsMachine, {
    input,
    events: (snapshot) => {
      const { wanted, batch } = inContext(snapshot.context);
      const few = [...wanted.values()].reduce((sum, { references }) => sum + references, 0) < 2;
      return [
        ...(few
          ? [
              { type: 'subscribe', filter: 'a', qos: 0 },
              { type: 'subscribe', filter: 'a', qos: 1 },
              { type: 'subscribe', filter: 'b', qos: 0 },
              { type: 'subscribe', filter: 'b', qos: 0, options: { noLocal: true } },
            ]
          : []),
        { type: 'unsubscribe', filter: 'a' },
        { type: 'unsubscribe', filter: 'b' },
        { type: 'broker.unsubscribed' },
        { type: 'session.ended' },
        { type: 'session.started', sessionPresent: true },
        { type: 'session.started', sessionPresent: false },
        { type: 'broker.answered', answers: batch.map(grant) },
        { type: 'broker.answered', answers: batch.map(({ filter }) => refuse(filter)) },
        { type: 'broker.failed', error: error('CONNECTION_LOST') },
        { type: 'filter.poisoned', filter: 'a', error: error('POISON_SUBSCRIPTION') },
        { type: 'xstate.error.actor.subscriber', error: new Error('test') },
        { type: 'xstate.error.actor.unsubscriber', error: new Error('test') },
      ] satisfies (EventObject & Record<string, unknown>)[];
    },
    abstract: (context) => {
      const { wanted, unwanted, batch } = inContext(context);
      return [[...wanted].sort(), [...unwanted].sort(), batch];
    },
  });
  const { states, edges, reachable } = adjacencyOf(model, { limit: 100_000 });
  const show = ({ from, event, to }: Edge) => `${placeOf(from)} --${JSON.stringify(event)}--> ${placeOf(to)}`;
  const except = (claim: (edge: Edge) => boolean) => edges.filter((edge) => !claim(edge)).map(show);
  const statesExcept = (claim: (context: SubscriptionsContext, place: string) => boolean) =>
    states.filter((state) => !claim(inContext(state.context), placeOf(state))).map(placeOf);
  const effects = new Map(edges.map((edge) => [edge, step(edge.from, edge.event).effects]));
  const effectsOf = (edge: Edge) => effects.get(edge) ?? [];

  test('are claimed of all there is', () => {
    expect([...new Set(states.map(placeOf))].sort()).toEqual([
      'offline',
      'online.settled',
      'online.subscribing.overdue',
      'online.subscribing.waiting',
      'online.unanswered',
      'online.unsubscribing.overdue',
      'online.unsubscribing.waiting',
    ]);
    expect(states.length).toBeGreaterThan(100);
  });

  test('settled means: nothing wanted is ungranted, nothing unwanted is left', () => {
    expect(
      statesExcept(
        ({ wanted, unwanted }, place) =>
          place !== 'online.settled' ||
          (unwanted.size === 0 && [...wanted.values()].every(({ grantedQos }) => grantedQos !== undefined)),
      ),
    ).toEqual([]);
  });

  test('settled is told exactly on becoming so', () => {
    expect(
      except(
        (edge) =>
          !effectsOf(edge).includes('emit subscriptions.settled') || placeOf(edge.to) === 'online.settled',
      ),
    ).toEqual([]);
    const enters = ({ from, to }: Edge) =>
      placeOf(to) === 'online.settled' && placeOf(from) !== 'online.settled';
    expect(except((edge) => !enters(edge) || effectsOf(edge).includes('emit subscriptions.settled'))).toEqual(
      [],
    );
  });

  test('no filter is both wanted and unwanted, and none is wanted by nobody', () => {
    expect(
      statesExcept(({ wanted, unwanted }) =>
        [...wanted].every(([filter, { references }]) => references > 0 && !unwanted.has(filter)),
      ),
    ).toEqual([]);
  });

  test('no filter is granted without a session', () => {
    const grants = (edge: Edge) => effectsOf(edge).includes('emit filter.granted');
    expect(except((edge) => !grants(edge) || placeOf(edge.to).startsWith('online'))).toEqual([]);
    expect(
      except(
        (edge) => !grants(edge) || edge.event.type !== 'subscribe' || !placeOf(edge.from).startsWith('off'),
      ),
    ).toEqual([]);
  });

  test('a lost session grants nothing, and leaves nothing to unsubscribe', () => {
    const lost = edges.filter(
      ({ event }) =>
        event.type === 'session.started' && !(event as { sessionPresent?: boolean }).sessionPresent,
    );
    expect(lost.length).toBeGreaterThan(0);
    const kept = lost.filter(({ to }) => {
      const { wanted, unwanted } = inContext(to.context);
      return unwanted.size > 0 || [...wanted.values()].some(({ grantedQos }) => grantedQos !== undefined);
    });
    expect(kept.map(show)).toEqual([]);
  });

  test('offline asks nothing, and from there only a session that begins asks', () => {
    const asks = (edge: Edge) => effectsOf(edge).some((effect) => /^start (un)?subscriber/.test(effect));
    expect(except((edge) => !asks(edge) || placeOf(edge.to).startsWith('online'))).toEqual([]);
    expect(
      except(
        (edge) =>
          !asks(edge) || !placeOf(edge.from).startsWith('off') || edge.event.type === 'session.started',
      ),
    ).toEqual([]);
  });

  test('what is granted was asked for in this session, as it is wanted now, or the broker kept it', () => {
    const isGranted = ({ wanted }: SubscriptionsContext, filter: string) =>
      wanted.get(filter)?.grantedQos !== undefined;
    for (const edge of edges) {
      const [before, after] = [inContext(edge.from.context), inContext(edge.to.context)];
      for (const [filter, { qos, options }] of after.wanted) {
        if (!isGranted(after, filter) || isGranted(before, filter)) continue;
        expect(edge.event.type, show(edge)).toBe('broker.answered');
        expect(before.batch, show(edge)).toContainEqual({ filter, qos, ...options });
      }
    }
  });

  test('whoever asks for something else has to be answered again', () => {
    const isAnsweredAgain = ({ from, event, to }: Edge): boolean => {
      const { filter } = event as EventObject & { filter: string };
      const [before, after] = [from, to].map(({ context }) => inContext(context).wanted.get(filter));
      const isSame = before?.qos === after?.qos && before?.options.noLocal === after?.options.noLocal;
      return after?.grantedQos === (isSame ? before?.grantedQos : undefined);
    };
    expect(except((edge) => edge.event.type !== 'subscribe' || isAnsweredAgain(edge))).toEqual([]);
  });

  test('a poisoned filter is wanted by nobody, and its holders are told exactly once', () => {
    const poisoned = edges.filter(({ event }) => event.type === 'filter.poisoned');
    const findings = poisoned.map((edge) => {
      const { filter } = edge.event as EventObject & { filter: string };
      const told = effectsOf(edge).filter((effect) => effect === 'emit filter.refused').length;
      // Only a broker that has it, and that is asked for nothing else just now, is asked to forget it at once.
      const isAsked = placeOf(edge.from) === 'online.settled' && told === 1;
      return {
        edge,
        isWanted: inContext(edge.to.context).wanted.has(filter),
        isToldRightly: told === (inContext(edge.from.context).wanted.has(filter) ? 1 : 0),
        isInPlace: placeOf(edge.to) === (isAsked ? 'online.unsubscribing.waiting' : placeOf(edge.from)),
      };
    });
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.filter(({ isWanted }) => isWanted).map(({ edge }) => show(edge))).toEqual([]);
    expect(findings.filter(({ isToldRightly }) => !isToldRightly).map(({ edge }) => show(edge))).toEqual([]);
    expect(findings.filter(({ isInPlace }) => !isInPlace).map(({ edge }) => show(edge))).toEqual([]);
  });

  test('no line is called sick before it was looked at twice', () => {
    const bySilence = edges.filter(
      ({ event, to }) => event.type.startsWith('xstate.after.') && placeOf(to) === 'online.unanswered',
    );
    expect(new Set(bySilence.map(({ from }) => placeOf(from)))).toEqual(
      new Set(['online.subscribing.overdue', 'online.unsubscribing.overdue']),
    );
  });

  test('references count: one more by subscribe, one fewer by unsubscribe, none by anything but a refusal', () => {
    const sum = (context: unknown) =>
      [...inContext(context).wanted.values()].reduce((n, { references }) => n + references, 0);
    const changeOf = ({ from, event }: Edge): number => {
      const { filter = '' } = event as EventObject & { filter?: string };
      if (event.type === 'subscribe') return 1;
      return event.type === 'unsubscribe' && inContext(from.context).wanted.has(filter) ? -1 : 0;
    };
    const isRefusal = ({ event }: Edge) => ['broker.answered', 'filter.poisoned'].includes(event.type);
    expect(
      except((edge) => isRefusal(edge) || sum(edge.to.context) - sum(edge.from.context) === changeOf(edge)),
    ).toEqual([]);
  });

  test('a broker that grants all is settled with, whatever had happened before', () => {
    const grantsAll = ({ event }: Edge) =>
      event.type === 'broker.unsubscribed' ||
      (event.type === 'broker.answered' &&
        (event as EventObject & { answers: FilterAnswer[] }).answers.every((one) => 'grantedQos' in one));
    const asking = states.filter((state) => /subscribing/.test(placeOf(state)));
    for (const state of asking) {
      expect(reachable([state], grantsAll).some((one) => placeOf(one) === 'online.settled')).toBe(true);
    }
  });

  test('every question is bounded, and offline none is asked', () => {
    const byTime = ({ event }: Edge) => event.type.startsWith('xstate.after.');
    for (const state of states) {
      const asks = /subscribing/.test(placeOf(state));
      expect(reachable([state], byTime).some((one) => placeOf(one) === 'online.unanswered')).toBe(
        asks || placeOf(state) === 'online.unanswered',
      );
      expect('subscriber' in state.children || 'unsubscriber' in state.children).toBe(asks);
    }
  });

  test('the end of a session is obeyed from everywhere', () => {
    expect(except(({ event, to }) => event.type !== 'session.ended' || placeOf(to) === 'offline')).toEqual(
      [],
    );
  });
});
