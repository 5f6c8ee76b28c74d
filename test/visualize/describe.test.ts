import { describe, expect, it } from 'vitest';
import { assign, createMachine, stateIn } from 'xstate';
import { describe as describeMachine } from '../../src/inspect/chart/describe.ts';
import { sampleMachine } from '../support/sample-machine.ts';

const { description, warnings } = describeMachine(sampleMachine);
const transitionsFrom = (id: string) =>
  description.transitions
    .filter(({ from }) => from === id)
    .map(({ event, guard, targets }) =>
      [event, guard && `[${guard}]`, '->', ...targets.map((target) => target.replace('sample.', ''))]
        .filter(Boolean)
        .join(' '),
    );

describe('the description of a machine', () => {
  it('lists every state in document order', () => {
    const ids = description.states.map(({ id }) => id);
    expect(ids).toHaveLength(25);
    expect(ids.slice(0, 5)).toEqual([
      'sample',
      'sample.idle',
      'sample.line',
      'sample.line.connecting',
      'sample.line.connecting.signingIn',
    ]);
  });

  it('says what a state is, starts with, does and invokes', () => {
    const state = (id: string) => description.states.find((candidate) => candidate.id === id);
    expect(state('sample.line')).toEqual({
      id: 'sample.line',
      key: 'line',
      parent: 'sample',
      type: 'compound',
      initial: 'sample.line.connecting',
      tags: ['socket'],
      entry: [],
      exit: [],
      invokes: [{ src: 'transport', id: 'transport' }],
    });
    expect(state('sample.line.connected')).toMatchObject({ type: 'parallel', initial: null });
    expect(state('sample.line.disconnecting.gone')?.type).toBe('final');
  });

  it('shows entry and exit as written, without the timers that XState adds', () => {
    const backingOff = description.states.find(({ id }) => id === 'sample.backingOff');
    expect(backingOff).toMatchObject({ entry: ['drawDelay'], exit: ['countAttempt'] });
  });

  it('keeps guarded transitions in the order in which they are tried, then facts of the invoked actor', () => {
    expect(transitionsFrom('sample.line')).toEqual([
      'transport.failed [isFatal] -> failed',
      'transport.failed [isSlow] -> backingOff.slow',
      'transport.failed -> backingOff',
      'transport.closed -> backingOff',
      'error transport -> backingOff',
    ]);
  });

  it.each([
    ['eventless transitions', 'line.connected.session.up.draining', 'always [not hasQueue] -> '],
    ['combined guards', 'line.connected.session.up.live', 'drain [hasQueue and not isPoisoned] -> '],
    ['named delays', 'backingOff', 'after retry -> '],
    ['delays in numbers', 'line.disconnecting', 'after 5000 ms -> '],
    ['the end of a state', 'line.disconnecting', 'done -> '],
    ['partial wildcards', 'line.disconnecting', 'transport.* -> '],
    ['the end of an actor, by its id', 'line.connected.session.renewing', 'done flush -> '],
    [
      'the end of an actor without an id, by its source',
      'line.connected.session.up.resubscribing',
      'done resubscribe -> ',
    ],
    ['the failure of an actor', 'line.connected.session.renewing', 'error flush -> '],
    ['wildcards that stay', 'failed', '* ->'],
  ])('shows %s', (_, from, label) => {
    expect(transitionsFrom(`sample.${from}`)).toContainEqual(expect.stringMatching(escaped(label)));
  });

  it('shows the transitions of the root, and parameters of actions', () => {
    const [root] = description.transitions;
    expect(root).toMatchObject({ from: 'sample', event: 'error *', targets: [], actions: ['report(error)'] });
  });

  it('marks delayed, error and reentering transitions', () => {
    const events = (flag: 'delayed' | 'error' | 'reenter') =>
      description.transitions.filter((transition) => transition[flag]).map(({ event }) => event);
    expect(events('delayed')).toHaveLength(5);
    expect(events('error')).toEqual(['error *', 'error transport', 'error resubscribe', 'error flush']);
    expect(events('reenter')).toEqual(['disconnect']);
  });

  it('misses no transition', () => {
    expect(description.transitions).toHaveLength(33);
  });

  it('lists the delays by name', () => {
    expect(description.delays).toEqual({
      retry: 1_000,
      attemptTimeout: 15_000,
      stable: 20_000,
      lifetime: 'computed',
    });
  });

  it('is plain data', () => {
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });

  it('has nothing to warn about when everything has a name', () => {
    expect(warnings).toEqual([]);
  });

  it('warns of what has no name, and of delays that nobody defined', () => {
    const { description: plain, warnings: found } = describeMachine(
      createMachine({
        id: 'careless',
        entry: assign({}),
        on: {
          go: { guard: () => true, actions: 'named' },
          look: { guard: stateIn('idle'), actions: 'named' },
        },
        initial: 'idle',
        states: { idle: { after: { typo: 'idle' } } },
      }),
    );
    expect(found).toEqual([
      'careless: an unnamed action',
      'careless: an unnamed guard',
      'careless.idle: delay "typo" is not in delays: it would pass at once',
    ]);
    expect(plain.transitions.map(({ guard }) => guard)).toEqual(['…', 'in idle', null]);
  });
});

function escaped(text: string): RegExp {
  return new RegExp(`^${text.trimEnd().replaceAll(/[.*[\]]/g, '\\$&')}`);
}
