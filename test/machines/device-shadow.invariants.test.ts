import { describe, expect, test } from 'vitest';
import type { EventObject } from 'xstate';
import {
  type DeviceShadowContext,
  type DeviceShadowPorts,
  deviceShadowMachine,
  Handle,
} from '../../src/machines/index.ts';
import { adjacencyOf, type Edge, machineModel } from '../../src/testing/index.ts';
import { deleted, delta, got, granted, lost, missing, updated, watch } from './device-shadow-world.ts';
import { pure } from './pure.ts';
import { error, placeOf } from './support.ts';

type Given = EventObject & Readonly<Record<string, unknown>>;

const done = (outcome: object): EventObject & { output: object } => ({
  type: 'xstate.done.actor.get',
  output: { outcome },
});
const NOT_FOUND = Object.assign(error('SHADOW_REJECTED'), { reasonCode: 404 });
const EVENTS: readonly Given[] = [
  watch(true, false),
  watch(false, true),
  { type: 'unwatch' },
  granted,
  { type: 'topics.refused', error: error('SUBSCRIPTION_REFUSED') },
  lost,
  got(1),
  got(2, true),
  updated(2),
  updated(3),
  delta(2),
  deleted(1),
  missing,
  { type: 'copy.uncertain' },
  { type: 'delta.resolved', version: 2 },
  { type: 'handler.added' },
  { type: 'actor.failed', error: error('INTERNAL') },
];
const GET_ENDS: readonly Given[] = [
  done({ type: 'accepted', version: 1 }),
  done({ type: 'accepted', version: 2 }),
  done({ type: 'rejected', error: NOT_FOUND }),
  done({ type: 'failed', error: error('POISON_SUBSCRIPTION') }),
  done({ type: 'timedOut', error: error('TIMEOUT') }),
  { type: 'xstate.error.actor.get', error: new Error('test') },
];
const OFFER_ENDS: readonly Given[] = [
  { type: 'delta.handled' },
  { type: 'delta.failed' },
  { type: 'xstate.error.actor.offer', error: new Error('test') },
];

describe('the machine of a shadow', () => {
  const ports = new Handle<DeviceShadowPorts>({ openGet: () => new Handle({}), random: () => 0 } as never);
  const { step } = pure(deviceShadowMachine, { ports });
  const inContext = (context: unknown) => context as DeviceShadowContext;
  const model = machineModel(deviceShadowMachine, {
    input: { ports },
    events: (snapshot) => [
      ...EVENTS,
      ...('get' in snapshot.children ? GET_ENDS : []),
      ...('offer' in snapshot.children ? OFFER_ENDS : []),
    ],
    abstract: (context) => {
      const { versions, early, seen, isDoubtful, hasDelta, isDeltaNewer, watched } = inContext(context);
      const kept = early.map(({ version }) => version);
      return [versions, kept, seen === undefined, isDoubtful, hasDelta, isDeltaNewer, watched];
    },
  });
  const { states, edges, reachable } = adjacencyOf(model, { limit: 200_000 });
  const show = ({ from, event, to }: Edge) => `${placeOf(from)} --${event.type}--> ${placeOf(to)}`;
  const except = (claim: (edge: Edge) => boolean) =>
    edges
      .filter((edge) => !claim(edge))
      .map(show)
      .slice(0, 9);
  const effects = new Map(edges.map((edge) => [edge, step(edge.from, edge.event).effects]));
  const has = (edge: Edge, effect: string) => effects.get(edge)?.includes(effect) === true;
  const is = (state: Edge['from'], part: string) => placeOf(state).includes(part);

  test('is claimed of all there is', () => {
    const places = new Set(states.flatMap((state) => placeOf(state).split(' + ')));
    expect([...places].sort()).toEqual([
      'copy.unwatched',
      'copy.watched.asking',
      'copy.watched.refused',
      'copy.watched.retrying',
      'copy.watched.subscribing',
      'copy.watched.synced',
      'delta.none',
      'delta.offering',
      'delta.outstanding',
    ]);
    expect(states.length).toBeGreaterThan(200);
  });

  test('nothing kills it', () => {
    for (const { status } of states) expect(status).toBe('active');
  });

  test('synced is told on becoming so, and unsynced on being so no more', () => {
    expect(
      except(
        (edge) =>
          has(edge, 'emit shadow.synced') === (is(edge.to, '.synced') && !is(edge.from, '.synced')) &&
          has(edge, 'emit shadow.unsynced') === (is(edge.from, '.synced') && !is(edge.to, '.synced')),
      ),
    ).toEqual([]);
  });

  test('it becomes so only by an answer to its own get, which nothing that came meanwhile contradicts', () => {
    const becoming = edges.filter(({ from, to }) => is(to, '.synced') && !is(from, '.synced'));
    expect(becoming.length).toBeGreaterThan(0);
    for (const { from, event, to } of becoming) {
      expect(is(from, '.asking')).toBe(true);
      const { outcome } = (event as unknown as { output: { outcome: { type: string; version?: number } } })
        .output;
      const { versions, early, seen, isDoubtful } = inContext(from.context);
      if (outcome.type === 'accepted') {
        expect(versions.copy ?? 0).toBeGreaterThanOrEqual(outcome.version ?? 0);
        expect({ early, isDoubtful }).toEqual({ early: [], isDoubtful: false });
      } else expect(seen).toBe(undefined);
      expect(inContext(to.context).failures).toBe(0);
    }
  });

  test('while it is so, nothing waits to be merged', () => {
    for (const state of states) {
      const { early, seen, isDoubtful } = inContext(state.context);
      if (!is(state, '.asking'))
        expect({ early, seen, isDoubtful }).toEqual({ early: [], seen: undefined, isDoubtful: false });
    }
  });

  test('fault:H-5 the copy goes back only with a deletion, which is told', () => {
    const parts = ['copy', 'delta', 'documents'] as const;
    const goesBack = ({ from, to }: Edge): boolean => {
      const [before, after] = [inContext(from.context).versions, inContext(to.context).versions];
      return parts.some((part) => (after[part] ?? -1) < (before[part] ?? -1));
    };
    expect(except((edge) => has(edge, 'emit copy.deleted') || !goesBack(edge))).toEqual([]);
  });

  test('the copy changes exactly when it is told', () => {
    const told = (edge: Edge) => (effects.get(edge) ?? []).some((effect) => /^emit copy\./.test(effect));
    const copyOf = ({ context }: Edge['from']) => inContext(context).versions.copy;
    expect(except((edge) => told(edge) || copyOf(edge.from) === copyOf(edge.to))).toEqual([]);
  });

  test('fault:H-6 a version that is missing is never passed over', () => {
    for (const edge of edges) {
      if (edge.event.type !== 'update.accepted' || !has(edge, 'emit copy.merged')) continue;
      const { version } = edge.event as EventObject & { version: number };
      expect(inContext(edge.from.context).versions.copy).toBe(version - 1);
    }
  });

  test('each actor lives exactly where it is needed', () => {
    const NEEDED = { get: /asking/, line: /watched\./, offer: /offering/, topics: /watched\./ };
    for (const state of states) {
      const needed = Object.entries(NEEDED).flatMap(([id, where]) =>
        where.test(placeOf(state)) ? [id] : [],
      );
      expect(Object.keys(state.children).sort()).toEqual(needed);
    }
  });

  test('fault:H-18 what is outstanding is a delta that somebody watches', () => {
    for (const state of states.filter((one) => is(one, 'outstanding'))) {
      const { hasDelta, watched } = inContext(state.context);
      expect({ hasDelta, watched: watched.deltas }).toEqual({ hasDelta: true, watched: true });
    }
  });

  test('no delta is passed over: a newer one is offered, or will be as soon as the handlers have done', () => {
    for (const edge of edges.filter((one) => has(one, 'emit delta.passed'))) {
      expect(is(edge.to, 'offering'), show(edge)).toBe(true);
      if (is(edge.from, 'offering')) expect(inContext(edge.to.context).isDeltaNewer).toBe(true);
    }
    for (const edge of edges) {
      if (!/^delta\.(handled|failed)$/.test(edge.event.type) || !is(edge.from, 'offering')) continue;
      const { isDeltaNewer, hasDelta } = inContext(edge.from.context);
      expect(has(edge, 'start offer'), show(edge)).toBe(isDeltaNewer && hasDelta);
    }
  });

  test('py:H9 no delta is passed to nobody', () => {
    for (const edge of edges.filter((one) => has(one, 'emit delta.passed')))
      expect(inContext(edge.from.context).watched.deltas).toBe(true);
  });

  test('what is asked comes to an end: synced can be reached from wherever it is watched, and by granting', () => {
    const fair = ({ event }: Edge) =>
      ['topics.granted', 'document.received', 'xstate.done.actor.get', 'watch'].includes(event.type) ||
      event.type.startsWith('xstate.after.');
    const targets = new Set(
      reachable(states.filter((one) => is(one, 'watched.')).slice(0, 40), fair).map(placeOf),
    );
    expect([...targets].some((place) => place.includes('synced'))).toBe(true);
    const asks = edges.filter((edge) => has(edge, 'start get'));
    // No event makes it ask for ever: between two questions lies an answer or a change of what is watched.
    for (const { from, event } of asks.filter((edge) => is(edge.from, '.asking')))
      expect.fail(`${placeOf(from)} ${event.type}`);
  });
});
