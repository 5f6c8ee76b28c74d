import { describe, expect, it } from 'vitest';
import { createActor, createMachine } from 'xstate';
import { describe as describeMachine } from '../../src/inspect/chart/describe.ts';
import { transitionId } from '../../src/inspect/chart/transition-id.ts';

describe('the id of a transition that was taken', () => {
  it('is the one in the description, also of guarded, eventless and wildcard ones, and none for the first step', () => {
    const machine = createMachine({
      id: 'app',
      initial: 'a b',
      states: {
        'a b': { on: { 'go on': [{ guard: () => false, target: 'b' }, { target: 'b' }] } },
        b: { always: { target: 'c' } },
        c: { on: { '*': {} } },
      },
    }).provide({});
    const taken: Array<string | undefined> = [];
    const actor = createActor(machine, {
      inspect: (event) => {
        if (event.type === '@xstate.microstep') taken.push(...event._transitions.map(transitionId));
      },
    }).start();
    actor.send({ type: 'go on' });
    actor.send({ type: 'else' });
    actor.stop();
    expect(taken.filter((id) => id !== undefined)).toEqual(['app.a%20b|go%20on|1', 'app.b||0', 'app.c|*|0']);
    const { transitions } = describeMachine(machine).description;
    expect(transitions.map(({ id }) => id)).toEqual(expect.arrayContaining(taken.filter(Boolean)));
  });
});
