import { expect, test } from 'vitest';
import { createActor, type EventObject, sendTo, setup } from 'xstate';
import { guardedActor } from '../../src/machines/guarded-actor.ts';
import { IotError } from '../../src/protocol/errors.ts';

interface Fault extends EventObject {
  readonly type: 'faulted';
  readonly error: IotError;
}

type Body = Parameters<typeof guardedActor<EventObject, undefined, Fault>>[0];

/** Runs the actor under a machine that only listens: so what is freed is freed by the actor itself. */
function run(body: Body) {
  const log: string[] = [];
  const machine = setup({
    types: { events: {} as { type: 'off' | 'command' } | Fault },
    actors: { guarded: guardedActor(body, (error): Fault => ({ type: 'faulted', error })) },
    actions: {
      note: ({ event }) => {
        log.push('error' in event ? `${event.type} ${event.error.code} ${event.error.message}` : event.type);
      },
      command: sendTo('guarded', { type: 'command' }),
    },
  }).createMachine({
    initial: 'on',
    on: { '*': { actions: 'note' } },
    states: {
      on: {
        invoke: { id: 'guarded', src: 'guarded', onError: { actions: 'note' } },
        on: { off: 'off', command: { actions: 'command' } },
      },
      off: {},
    },
  });
  const actor = createActor(machine).start();
  return { log, actor, send: (type: 'off' | 'command') => actor.send({ type }) };
}

const boom = (): never => {
  throw new Error('boom');
};
const FAULT = 'faulted INTERNAL an actor threw: boom';

test('a body that throws frees what it took before, and tells', () => {
  const freed: string[] = [];
  const { log, actor } = run(({ onEnd }) => {
    onEnd(() => freed.push('it'));
    boom();
  });
  expect({ log, freed }).toEqual({ log: [FAULT], freed: ['it'] });
  actor.stop();
  expect(freed).toEqual(['it']);
});

test('a receiver that throws frees, and tells, though nobody stops the actor', () => {
  const freed: string[] = [];
  const { log, send, actor } = run(({ receive, onEnd }) => {
    onEnd(() => freed.push('it'));
    receive(boom);
  });
  send('command');
  expect({ log, freed }).toEqual({ log: [FAULT], freed: ['it'] });
  actor.stop();
  expect(freed).toEqual(['it']);
});

test('a clean-up that throws tells, and the machine goes on', () => {
  const { log, send, actor } = run(({ onEnd }) => onEnd(boom));
  send('off');
  expect(log).toEqual([FAULT]);
  expect(actor.getSnapshot()).toMatchObject({ status: 'active', value: 'off' });
});

test('what it took is freed once: on leaving its state, and on stop', () => {
  for (const end of ['off', 'stop']) {
    let frees = 0;
    const { actor, send } = run(({ onEnd }) => onEnd(() => frees++));
    if (end === 'off') send('off');
    actor.stop();
    expect(frees).toBe(1);
  }
});

test('an error of ours is told as it is', () => {
  const own = new IotError('PING_TIMEOUT', 'own');
  const { log } = run(() => {
    throw own;
  });
  expect(log).toEqual(['faulted PING_TIMEOUT own']);
});
