import { describe, expect, test } from 'vitest';
import { assign, createMachine, fromCallback, setup } from 'xstate';
import { IotError } from '../../../src/protocol/errors.ts';
import {
  ActorSubject,
  adjacencyOf,
  coverageOf,
  invariantsOf,
  machineModel,
  pathsOf,
  type Subject,
} from '../../../src/testing/index.ts';

/** A lamp that burns out when it was lit too often, and goes out by itself. */
const lampMachine = setup({
  types: { context: {} as { lit: number }, events: {} as { type: 'press' } | { type: 'mend'; by: string } },
  actors: { glow: fromCallback(() => () => {}) },
  delays: { shine: 1_000 },
  guards: { isWorn: ({ context }) => context.lit >= 2 },
}).createMachine({
  id: 'lamp',
  context: { lit: 0 },
  initial: 'off',
  states: {
    off: {
      on: {
        press: [
          { guard: 'isWorn', target: 'broken' },
          { target: 'on', actions: assign({ lit: ({ context }) => context.lit + 1 }) },
        ],
      },
    },
    on: {
      invoke: { id: 'glow', src: 'glow', onError: 'broken' },
      on: { press: 'off' },
      after: { shine: 'off' },
    },
    broken: { on: { mend: { target: 'off', actions: assign({ lit: 0 }) } } },
  },
});

const options = {
  input: undefined,
  events: [
    { type: 'press' },
    { type: 'mend', by: 'Ada' },
    { type: 'xstate.error.actor.glow', error: new IotError('INTERNAL', 'test') },
  ],
  abstract: ({ lit }: { readonly lit: number }) => lit,
} as const;
const model = machineModel(lampMachine, options);
const descriptions = (...given: Parameters<typeof pathsOf>) =>
  pathsOf(...given).map((path) => path.description);

describe('pathsOf', () => {
  test('takes each transition, timers and faults of actors too, on as few shortest paths as it can', () => {
    expect(descriptions(model)).toEqual([
      'press, after shine → off',
      'press, the actor glow fails (INTERNAL), mend (by Ada) → off',
      'press, press, press, press, press → broken',
    ]);
  });

  test('reaches each state', () => {
    expect(descriptions(model, { cover: 'states' })).toEqual([
      'press, the actor glow fails (INTERNAL) → broken',
    ]);
  });

  test('ends where it is told to, and goes on no further', () => {
    const isBroken = (snapshot: { readonly value: unknown }) => snapshot.value === 'broken';
    expect(descriptions(model, { until: isBroken })).toEqual([
      'press, the actor glow fails (INTERNAL) → broken',
      'press, press, press, press, press → broken',
    ]);
  });

  test('leaves out what the world cannot do', () => {
    expect(descriptions(model, { filter: ({ type }) => type === 'press' })).toEqual([
      'press, press, press, press, press → broken',
    ]);
  });

  test('says so when the model is larger than its limit', () => {
    expect(() => pathsOf(model, { limit: 3 })).toThrow(
      'the model has more than 3 steps: give it a coarser abstract or fewer events, or a higher limit',
    );
  });

  test.each([
    [{ cover: 'all' }, "cover must be 'states' or 'transitions'"],
    [{ until: 'broken' }, 'until must be a function'],
    [{ filter: 'press' }, 'filter must be a function'],
    [{ limit: 0 }, 'limit must be a whole number from 1'],
    [{ limits: 1 }, 'options has no field "limits"'],
  ])('refuses %j', (given, message) => {
    expect(() => pathsOf(model, given as never)).toThrow(message);
  });
});

describe('a path', () => {
  const [path] = pathsOf(model, { cover: 'states' });
  const subject = (): Subject => ({ perform: () => {}, state: () => 'off' });

  test('is gone by the machine itself', async () => {
    for (const one of pathsOf(model)) await one.test(new ActorSubject(model));
  });

  test('fails where the subject is not in the state of the model, and says after what', async () => {
    await expect(path?.test(subject(), { stepTimeoutMs: 1 })).rejects.toThrow(
      'after press: expected on, and the subject says off',
    );
  });

  test('waits for a subject that takes its time', async () => {
    const states = ['off', 'off', 'on', 'off', 'broken'];
    await path?.test({ perform: async () => {}, state: async () => states.shift() });
    expect(states).toEqual([]);
  });

  test('believes a subject that has words of its own', async () => {
    const told: string[] = [];
    await path?.test({
      ...subject(),
      state: () => 'whatever',
      accepts: ({ value }, is) => told.push(`${String(value)} is ${String(is)}`) > 0,
      end: (_path, failure) => told.push(`ended ${String(failure)}`),
    });
    expect(told).toEqual(['on is whatever', 'broken is whatever', 'ended undefined']);
  });

  test('ends a subject that has failed, and tells what failed first', async () => {
    const told: unknown[] = [];
    const going = path?.test({
      ...subject(),
      perform: () => {
        throw new Error('it sticks');
      },
      end: (_path, failure) => {
        told.push(failure?.message);
        throw new Error('it does not end');
      },
    });
    await expect(going).rejects.toThrow('after press: it sticks');
    expect(told).toEqual(['after press: it sticks']);
  });

  test('fails with what a check says, and with what is wrong at the end', async () => {
    const check = (): never => {
      throw new Error('too dark');
    };
    const accepts = (): boolean => true;
    await expect(path?.test({ ...subject(), accepts, check })).rejects.toThrow('after press: too dark');
    await expect(path?.test({ ...subject(), accepts, end: check })).rejects.toThrow('too dark');
  });

  test('refuses what is no subject, and a time that is none', async () => {
    await expect(path?.test({ state: () => 1 } as never)).rejects.toThrow(
      'subject.perform must be a function',
    );
    await expect(path?.test(subject(), { stepTimeoutMs: 0 })).rejects.toThrow('stepTimeoutMs must be');
  });
});

describe('coverageOf', () => {
  test('names each state and transition that was not seen', async () => {
    const coverage = coverageOf(model);
    const [shortest] = pathsOf(model);
    await shortest?.test(new ActorSubject(model, { inspect: coverage.observe }));
    expect(coverage.missing).toEqual([
      'lamp.broken',
      'lamp.off on press [isWorn] to lamp.broken',
      'lamp.on on press to lamp.off',
      'lamp.on on xstate.error.actor.glow to lamp.broken',
      'lamp.broken on mend to lamp.off',
    ]);
    expect(() => coverage.expectAll()).toThrow('lamp is not covered\n  never seen: lamp.broken\n');
    coverage.expectAll({ except: coverage.missing });
    expect(() => coverage.expectAll({ except: [...coverage.missing, 'lamp.on', 'lamp.of'] })).toThrow(
      'lamp is not covered\n  excepted, and seen: lamp.on\n  excepted, and unknown: lamp.of',
    );
    expect(String(coverage)).toContain(
      '      1  transition  lamp.on on xstate.after.shine.lamp.on to lamp.off',
    );
  });

  test('is of a model or a machine', () => {
    expect(coverageOf(lampMachine).rows).toHaveLength(10);
    for (const none of [undefined, 1, {}])
      expect(() => coverageOf(none as never)).toThrow('of must be a model or a state machine');
  });
});

describe('invariantsOf', () => {
  const failing = (of: Parameters<typeof invariantsOf>[0]) =>
    invariantsOf(of).flatMap(({ description, check }) => {
      try {
        check();
        return [];
      } catch (error) {
        return [`${description}\n${String(error)}`];
      }
    });

  test('hold for a good model', () => {
    expect(failing(model)).toEqual([]);
  });

  test('show what breaks a claim, and the way there', () => {
    const claim = {
      description: 'nobody mends it',
      broken: ({ edges }: ReturnType<typeof adjacencyOf>) =>
        edges.filter(({ event }) => event.type === 'mend'),
    };
    const [found = ''] = failing(machineModel(lampMachine, { ...options, claims: [claim] }));
    expect(found).toContain('lamp: nobody mends it');
    expect(found).toContain('broken --mend (by Ada)--> off, after press, the actor glow fails (INTERNAL)');
  });

  test('name states that are never entered, transitions never taken, and what is left out wrongly', () => {
    const { abstract: _, ...coarse } = options;
    expect(failing(machineModel(lampMachine, coarse)).join()).toContain(
      'never: lamp.off on press [isWorn] to lamp.broken',
    );
    expect(failing(machineModel(lampMachine, { ...options, without: ['lamp.on'] })).join()).toContain(
      'left out, and seen: lamp.on',
    );
  });

  test('find a dead end, and an end that cannot be reached', () => {
    const machine = createMachine({
      id: 'trap',
      initial: 'free',
      states: {
        free: { on: { fall: 'caught', leave: 'gone' } },
        caught: { on: { shout: {} } },
        gone: { type: 'final' },
      },
    });
    const found = failing(machineModel(machine, { input: undefined })).join('\n');
    expect(found).toContain('every state has a way out, but an end\nError: not so');
    expect(found).toContain('an end, if there is one, can be reached from everywhere\nError: not so');
    expect(found).toContain('caught, after fall');
  });
});

test.each([adjacencyOf, pathsOf, invariantsOf, (of: never) => new ActorSubject(of)])(
  'what is no model is refused: %o',
  (make) => {
    for (const none of [undefined, null, 1, {}, lampMachine])
      expect(() => make(none as never)).toThrow('model must be what machineModel() makes');
  },
);

describe('machineModel', () => {
  test.each([
    [lampMachine, { inputs: 1 }, 'options has no field "inputs"'],
    [{}, {}, 'machine must be a state machine'],
  ])('refuses what it cannot be made of', (machine, given, message) => {
    expect(() => machineModel(machine as never, given as never)).toThrow(message);
  });

  test('tries each event that is given in the states that take it, and those that are not given bare', () => {
    const { edges } = adjacencyOf(
      machineModel(lampMachine, { input: undefined, abstract: options.abstract }),
    );
    expect(new Set(edges.map(({ event }) => event.type))).toEqual(
      new Set(['press', 'mend', 'xstate.error.actor.glow', 'xstate.after.shine.lamp.on']),
    );
  });

  test('with a function, only what it gives comes, and timers', () => {
    const { edges } = adjacencyOf(
      machineModel(lampMachine, { ...options, events: () => [{ type: 'press' }] }),
    );
    expect(new Set(edges.map(({ event }) => event.type))).toEqual(
      new Set(['press', 'xstate.after.shine.lamp.on']),
    );
  });
});
