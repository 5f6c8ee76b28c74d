import { describe, expect, test } from 'vitest';
import type { AnyMachineSnapshot, AnyStateNode, EventObject } from 'xstate';
import { connectionMachine, Handle } from '../../src/machines/index.ts';
import { backoffDelay, DEFAULT_BACKOFF } from '../../src/protocol/backoff.ts';
import { adjacencyOf, type Edge, machineModel } from '../../src/testing/index.ts';
import { pure } from './pure.ts';
import { closed, connected, error, failed, placeOf } from './support.ts';

const backoff = { ...DEFAULT_BACKOFF, jitter: 'none' } as const;
const input = {
  ports: new Handle({
    openTransport: () => {
      throw new Error('nothing runs here');
    },
    random: () => 0.5,
    now: () => 0,
  }),
  policy: { backoff },
};
const payloads = [
  failed('DNS_FAILED'),
  failed('BAD_CREDENTIALS'),
  failed('NOT_AUTHORIZED'),
  failed('KEY_MISMATCH'),
  closed(),
  connected(),
  connected({ lifetimeMs: 60_000 }),
  connected({ caution: { quietMs: 1_500, filtersPerSubscribe: 4 } }),
  { type: 'subscriptions.unanswered', error: error('OPERATION_TIMEOUT') },
  { type: 'queue.failed', error: error('INTERNAL') },
  { type: 'xstate.error.actor.transport', error: new Error('test') },
  { type: 'xstate.error.actor.unforeseen', error: new Error('test') },
];
const options = {
  input,
  events: payloads,
  abstract: (context: { failures: number; refusedSignIns: number; session: unknown; failure: unknown }) => [
    Math.min(context.failures, 1),
    Math.min(context.refusedSignIns, 2),
    context.session,
    context.failure !== undefined,
  ],
};
const graph = adjacencyOf(machineModel(connectionMachine, options));
const { states, edges, reachable } = graph;
const { step } = pure(connectionMachine, input);

type Value = Parameters<AnyMachineSnapshot['matches']>[0];
const is = (value: Value) => (snapshot: AnyMachineSnapshot) => snapshot.matches(value as never);
const isIdle = is('idle');
const isLine = is('line');
const isConnecting = is({ line: 'connecting' });
const isConnected = is({ line: 'connected' });
const isUp = is({ line: { connected: { session: 'up' } } });
const isDraining = is({ line: { connected: { session: { up: 'draining' } } } });
const isQuiet = is({ line: { connected: { session: { up: 'quiet' } } } });
const isResubscribing = is({ line: { connected: { session: { up: 'resubscribing' } } } });
const isLive = is({ line: { connected: { session: { up: 'live' } } } });
const isStable = is({ line: { connected: { stability: 'stable' } } });
const isFailed = is('failed');
const isBackingOff = is('backingOff');
const isCommand = ({ event }: Edge) => event.type === 'connect' || event.type === 'disconnect';
const isTimer = ({ event }: Edge) => event.type.startsWith('xstate.after.');
const moves = ({ from, to }: Edge) => placeOf(from) !== placeOf(to);
const show = ({ from, event, to }: Edge) => `${placeOf(from)} --${event.type}--> ${placeOf(to)}`;
const emitsOf = ({ from, event }: Edge) =>
  step(from, event).effects.flatMap((effect) => effect.match(/^emit connection\.(.*)/)?.[1] ?? []);

/** The edges that break a claim, as text: a failure then says which. */
const except = (claim: (edge: Edge) => boolean) => edges.filter((edge) => !claim(edge)).map(show);
const statesExcept = (claim: (state: AnyMachineSnapshot) => boolean) =>
  states.filter((state) => !claim(state)).map(placeOf);

describe('connection', () => {
  test('is walked whole: every transition of the table is taken', () => {
    const taken = new Set(
      edges.flatMap(({ from, event }) => connectionMachine.getTransitionData(from as never, event as never)),
    );
    const untaken = nodesOf(connectionMachine.root)
      .flatMap((node) => [...node.transitions.values()].flat())
      .filter((transition) => !taken.has(transition as never))
      .map(({ source, eventType }) => `${source.id} ${eventType}`);
    expect(untaken).toEqual([]);
    const places = new Set(states.map(placeOf));
    const leaves = nodesOf(connectionMachine.root).filter((node) => node.type === 'atomic');
    const unreached = leaves
      .map((node) => node.path.join('.'))
      .filter((leaf) => ![...places].some((place) => place.split(' + ').includes(leaf)));
    // These two are left in the same step, by what they decide.
    expect(unreached).toEqual(['line.connected.session.up.accepted', 'lost']);
    expect({ states: states.length, edges: edges.length }).toEqual({ states: 84, edges: 989 });
  });

  test('after disconnect nothing dials without a new connect', () => {
    const asked = edges.filter(({ event }) => event.type === 'disconnect').map(({ to }) => to);
    const later = reachable(asked, ({ event }) => event.type !== 'connect');
    expect(later.filter((state) => isConnecting(state) || isBackingOff(state)).map(placeOf)).toEqual([]);
    expect(later.some(isIdle)).toBe(true);
  });

  test('after disconnect it becomes idle by timers alone, whatever the world does not answer', () => {
    const asked = edges.filter(({ event }) => event.type === 'disconnect').map(({ to }) => to);
    const stuck = asked.filter((state) => !reachable([state], isTimer).some(isIdle));
    expect(stuck.map(placeOf)).toEqual([]);
  });

  test('the transport runs exactly in line', () => {
    expect(statesExcept((state) => isLine(state) === 'transport' in state.children)).toEqual([]);
  });

  test('a line is never replaced by another without being left', () => {
    const dials = ({ from, event }: Edge) => step(from, event).effects.includes('start transport');
    expect(except((edge) => !dials(edge) || (!isLine(edge.from) && isConnecting(edge.to)))).toEqual([]);
    expect(except((edge) => isLine(edge.from) || !isLine(edge.to) || dials(edge))).toEqual([]);
  });

  test('only a command, a timer of the backoff or the network makes it dial', () => {
    const starters = edges.filter(({ from, to }) => !isLine(from) && isLine(to));
    const why = new Set(
      starters.map(({ from, event }) => `${placeOf(from)}: ${event.type.split('.')[2] ?? event.type}`),
    );
    expect([...why].sort()).toEqual([
      'backingOff.once: network.online',
      'backingOff.once: retry',
      'backingOff.slow: network.online',
      'backingOff.slow: retry',
      'backingOff.usual: network.online',
      'backingOff.usual: retry',
      'failed: connect',
      'idle: connect',
    ]);
  });

  test('live is reachable after connect from everywhere, without another command', () => {
    const dead = states.filter((state) => {
      const asked = edges.find(({ from, event }) => from === state && event.type === 'connect');
      return !reachable([asked?.to ?? state], (edge) => !isCommand(edge)).some(isLive);
    });
    expect(dead.map(placeOf)).toEqual([]);
  });

  test('every state has a way out; only idle and failed wait for a command', () => {
    const leaves = (state: AnyMachineSnapshot, by: (edge: Edge) => boolean) =>
      edges.some((edge) => edge.from === state && by(edge) && moves(edge));
    expect(statesExcept((state) => leaves(state, () => true))).toEqual([]);
    const waiting = statesExcept((state) => leaves(state, (edge) => !isCommand(edge)));
    expect([...new Set(waiting)].sort()).toEqual(['failed', 'idle']);
    // What depends on somebody's answer is bounded; a drain and a live line last as long as the line does.
    const hasTimer = (state: AnyMachineSnapshot) =>
      leaves(state, (edge) => isTimer(edge) && !edge.event.type.includes('.stability.'));
    const unbounded = statesExcept((state) => hasTimer(state) || isDraining(state) || isLive(state));
    expect([...new Set(unbounded)].sort()).toEqual(['failed', 'idle']);
    // And each of those that are not bounded ends with its line.
    expect(
      statesExcept((s) => !isUp(s) || leaves(s, ({ event }) => event.type === 'transport.closed')),
    ).toEqual([]);
  });

  test('fatal is left by connect or disconnect only', () => {
    const out = edges.filter((edge) => isFailed(edge.from) && moves(edge));
    expect(new Set(out.map(({ event, to }) => `${event.type} ${placeOf(to)}`))).toEqual(
      new Set(['connect line.connecting.signingIn', 'disconnect idle']),
    );
  });

  test('only a fatal refusal fails for good; everything else is retried', () => {
    const into = edges.filter((edge) => !isFailed(edge.from) && isFailed(edge.to));
    const causes = into.map(({ to }) => to.context.failure.recovery);
    expect(new Set(causes)).toEqual(new Set(['fatal']));
  });

  test('only stable forgives, and stable has forgiven', () => {
    const isStableTimer = ({ event }: Edge) => event.type.includes('.stable.');
    expect(
      except((edge) => edge.to.context.failures >= edge.from.context.failures || isStableTimer(edge)),
    ).toEqual([]);
    expect(statesExcept((state) => !isStable(state) || state.context.failures === 0)).toEqual([]);
    expect(except((edge) => !isStable(edge.to) || isStable(edge.from) || isStableTimer(edge))).toEqual([]);
  });

  test('every failure counts once, and waits by the law', () => {
    const intoBackoff = edges.filter(({ from, to }) => !isBackingOff(from) && isBackingOff(to));
    for (const edge of intoBackoff) {
      const { context } = edge.to;
      const before = edge.from.context.failures as number;
      const name = placeOf(edge.to);
      const expected = {
        'backingOff.usual': [before + 1, backoffDelay(backoff, before, () => 0.5)],
        'backingOff.slow': [before + 1, backoff.maxMs],
        'backingOff.once': [before, 0],
      }[name];
      expect([context.failures, context.retryDelayMs], show(edge)).toEqual(expected);
    }
    const elsewhere = edges.filter(({ from, to }) => isBackingOff(from) || !isBackingOff(to));
    expect(elsewhere.filter(({ from, to }) => to.context.failures > from.context.failures).map(show)).toEqual(
      [],
    );
  });

  test('there is no wait without a reason, unless it was planned', () => {
    const { once } = { once: is({ backingOff: 'once' }) };
    expect(
      statesExcept((s) => !(isBackingOff(s) || isFailed(s)) || once(s) || s.context.failure !== undefined),
    ).toEqual([]);
    expect(statesExcept((state) => !isConnected(state) || state.context.failure === undefined)).toEqual([]);
    expect(statesExcept((state) => !isIdle(state) || state.context.failure === undefined)).toEqual([]);
  });

  test('nothing drains before it is resubscribed, nothing is live before it is drained', () => {
    expect(except(({ from, to }) => !isLive(to) || isLive(from) || isDraining(from))).toEqual([]);
    expect(except(({ from, to }) => !isDraining(to) || isDraining(from) || isResubscribing(from))).toEqual(
      [],
    );
    expect(
      except(
        ({ from, to }) =>
          !isResubscribing(to) || isResubscribing(from) || isConnecting(from) || isQuiet(from),
      ),
    ).toEqual([]);
  });

  test('a line is quiet exactly when it has to be found out who closes the lines, and from its first moment on', () => {
    const hasCaution = ({ context }: AnyMachineSnapshot) => context.session?.caution !== undefined;
    expect(statesExcept((state) => !isQuiet(state) || hasCaution(state))).toEqual([]);
    expect(except(({ from, to }) => !isQuiet(to) || isQuiet(from) || isConnecting(from))).toEqual([]);
    expect(
      except(({ from, to }) => isConnected(from) || !isConnected(to) || isQuiet(to) === hasCaution(to)),
    ).toEqual([]);
    // Only its own timer makes it usable: no answer, no command.
    const ends = edges.filter(({ from, to }) => isQuiet(from) && isResubscribing(to));
    expect([...new Set(ends.map(({ event }) => event.type))]).toEqual([
      'xstate.after.quiet.connection.line.connected.session.up.quiet',
    ]);
  });

  test('nothing is asked, drained or live before the line is usable', () => {
    const usable = new Set(edges.filter((edge) => emitsOf(edge).includes('usable')).map(({ to }) => to));
    const connectedOnly = edges
      .filter(({ from, to }) => isConnecting(from) && isConnected(to))
      .map(({ to }) => to);
    const unusable = reachable(
      connectedOnly.filter((state) => !usable.has(state)),
      ({ to }) => isConnected(to) && !usable.has(to),
    );
    expect(unusable.some(isQuiet)).toBe(true);
    expect(unusable.filter((s) => isResubscribing(s) || isDraining(s) || isLive(s)).map(placeOf)).toEqual([]);
    const children = ['resubscription', 'drain'];
    expect(unusable.filter((s) => children.some((child) => child in s.children)).map(placeOf)).toEqual([]);
  });

  test('who resubscribes and who drains run exactly where the states say so', () => {
    expect(statesExcept((state) => isResubscribing(state) === 'resubscription' in state.children)).toEqual(
      [],
    );
    expect(statesExcept((state) => isDraining(state) === 'drain' in state.children)).toEqual([]);
    const isPlannedEnd = (state: AnyMachineSnapshot) =>
      [{ session: 'flushing' }, { session: 'renewing' }].some((value) =>
        is({ line: { connected: value } })(state),
      );
    expect(statesExcept((state) => isPlannedEnd(state) === 'flush' in state.children)).toEqual([]);
  });

  test('a session is remembered exactly while it lasts', () => {
    expect(statesExcept((state) => isConnected(state) === (state.context.session !== undefined))).toEqual([]);
  });

  test('a line with a lifetime is renewed, one without is not', () => {
    const lifetimes = edges.filter(({ event }) => event.type.includes('.lifetime.'));
    expect(lifetimes.length).toBeGreaterThan(0);
    for (const { from, to } of lifetimes) {
      const renews = is({ line: { connected: { session: 'renewing' } } })(to);
      expect(renews).toBe(from.context.session.lifetimeMs !== undefined);
    }
  });

  describe('tells', () => {
    const told = edges.map((edge) => ({ edge, facts: emitsOf(edge) }));
    const wrong = (claim: (edge: Edge, facts: string[]) => boolean) =>
      told
        .filter(({ edge, facts }) => !claim(edge, facts))
        .map(({ edge, facts }) => `${show(edge)}: ${facts.join()}`);

    test('connected and disconnected exactly once a session, at its beginning and its end', () => {
      expect(
        wrong(
          ({ from, to }, facts) => facts.includes('connected') === (!isConnected(from) && isConnected(to)),
        ),
      ).toEqual([]);
      expect(
        wrong(
          ({ from, to }, facts) => facts.includes('disconnected') === (isConnected(from) && !isConnected(to)),
        ),
      ).toEqual([]);
    });

    test('usable, live, resubscribed, flushing and failed exactly on entering what they name', () => {
      const enters = (isIn: typeof isIdle) => (edge: Edge) => isIn(edge.to) && !isIn(edge.from);
      const isFlushing = (state: AnyMachineSnapshot) =>
        [
          is({ line: { connected: { session: 'flushing' } } }),
          is({ line: { connected: { session: 'renewing' } } }),
        ].some((isIn) => isIn(state));
      expect(wrong((edge, facts) => facts.includes('usable') === enters(isResubscribing)(edge))).toEqual([]);
      expect(wrong((edge, facts) => facts.includes('live') === enters(isLive)(edge))).toEqual([]);
      expect(wrong((edge, facts) => facts.includes('resubscribed') === enters(isDraining)(edge))).toEqual([]);
      expect(wrong((edge, facts) => facts.includes('failed') === enters(isFailed)(edge))).toEqual([]);
      // Asked again, a planned end says again that it goes on.
      expect(wrong((edge, facts) => !enters(isFlushing)(edge) || facts.includes('flushing'))).toEqual([]);
      expect(wrong((edge, facts) => !facts.includes('flushing') || isFlushing(edge.to))).toEqual([]);
    });

    test('ended whenever it becomes idle, and to whoever asks while it is', () => {
      expect(
        wrong(
          ({ event, to }, facts) => !(isIdle(to) && event.type === 'disconnect') || facts.includes('ended'),
        ),
      ).toEqual([]);
      expect(
        wrong(({ from, to }, facts) => !(isIdle(to) && !isIdle(from)) || facts.includes('ended')),
      ).toEqual([]);
      expect(wrong(({ to }, facts) => !facts.includes('ended') || isIdle(to))).toEqual([]);
    });

    test('lost before every unplanned wait and failure, and never in a planned end', () => {
      const once = is({ backingOff: 'once' });
      const isLoss = ({ from, to }: Edge) =>
        isLine(from) && ((isBackingOff(to) && !once(to)) || isFailed(to));
      expect(wrong((edge, facts) => facts.includes('lost') === isLoss(edge))).toEqual([]);
    });

    test('each at most once a step, the end of a session before why, and why before what follows', () => {
      const ORDER = [
        'connected',
        'usable',
        'resubscribed',
        'live',
        'disconnected',
        'lost',
        'failed',
        'ended',
      ];
      expect(wrong((_, facts) => new Set(facts).size === facts.length)).toEqual([]);
      expect(
        wrong((_, facts) => {
          const ranks = facts.map((fact) => ORDER.indexOf(fact)).filter((rank) => rank >= 0);
          return ranks.every((rank, index) => index === 0 || rank > (ranks[index - 1] ?? 0));
        }),
      ).toEqual([]);
    });

    test('goodbye to the transport on every planned end, and only there', () => {
      const isDisconnecting = is({ line: 'disconnecting' });
      const saysGoodbye = ({ from, event }: Edge) =>
        step(from, event).effects.includes('tell transport disconnect');
      expect(
        except((edge) => saysGoodbye(edge) === (!isDisconnecting(edge.from) && isDisconnecting(edge.to))),
      ).toEqual([]);
    });
  });

  test('nothing kills it: every state survives every event, its own and foreign ones', () => {
    const strangers: EventObject[] = [{ type: 'unheard.of' }, { type: 'xstate.done.actor.transport' }];
    const types = new Set(edges.map(({ event }) => event.type));
    const events = [...payloads, ...[...types].map((type) => ({ type })), ...strangers].filter(
      (event) => Object.keys(event).length > 1 || !payloads.some(({ type }) => type === event.type),
    );
    for (const state of states) {
      for (const event of events)
        expect(step(state, event).snapshot.status, `${placeOf(state)}, ${event.type}`).toBe('active');
    }
  });
});

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap((inner) => nodesOf(inner as AnyStateNode))];
}
