import { expect, it, vi } from 'vitest';
import { createActor, createMachine, fromTransition, setup, spawnChild, stopChild } from 'xstate';
import { serveInspector } from '../../src/inspect/serve-inspector.ts';
import { ask } from './feed-support.ts';
import { served, tabOf } from './served.ts';

it('an actor whose snapshot cannot be read is not shown, and ends neither the page nor the process', async () => {
  let isBroken = false;
  const snapshot = {
    status: 'active' as const,
    output: undefined,
    error: undefined,
    get context(): number {
      if (isBroken) throw new Error('no context');
      return 1;
    },
  };
  const actor = createActor({
    transition: () => snapshot,
    getInitialSnapshot: () => snapshot,
    getPersistedSnapshot: () => snapshot,
  }).start();
  const lamp = createActor(createMachine({ id: 'lamp' })).start();
  const inspector = await served([actor, lamp]);
  isBroken = true;
  const tab = await tabOf(inspector);
  expect([...tab.actors.values()].map(({ name }) => name)).toEqual(['lamp']);
});

it('an event whose type cannot be read is not shown, and the next one is', async () => {
  const lamp = createActor(fromTransition((count: number) => count + 1, 0)).start();
  const tab = await tabOf(await served(lamp));
  const type = {
    toString(): string {
      throw new Error('no type');
    },
  };
  lamp.send({ type: type as unknown as string });
  lamp.send({ type: 'next' });
  await tab.until(({ log }) => log.length > 0);
  expect(tab.log.map((entry) => entry.type)).toEqual(['next']);
});

it('when one cannot be watched nothing is served', async () => {
  const lamp = createActor(createMachine({ id: 'lamp' }));
  vi.spyOn(lamp, 'getSnapshot').mockImplementation(() => {
    throw new Error('no snapshot');
  });
  const first = await serveInspector([]);
  await first.close();
  const port = Number(new URL(first.url).port);
  await expect(serveInspector(lamp, { port })).rejects.toThrow('no snapshot');
  await expect(ask(first.url, '/')).rejects.toThrow('ECONNREFUSED');
});

it('nothing is watched once the inspector is closed', async () => {
  const lamp = createActor(createMachine({ id: 'lamp' }));
  const inspect = vi.spyOn(lamp.system, 'inspect');
  const inspector = await served([]);
  await inspector.close();
  inspector.watch(lamp);
  expect(inspect).not.toHaveBeenCalled();
});

it('an actor that was stopped has ended, also when its snapshot says nothing of it', async () => {
  const parent = createActor(
    setup({ actors: { counter: fromTransition((count: number) => count, 0) } }).createMachine({
      id: 'parent',
      on: {
        start: { actions: spawnChild('counter', { id: 'counter' }) },
        stop: { actions: stopChild('counter') },
      },
    }),
  ).start();
  const tab = await tabOf(await served(parent));
  parent.send({ type: 'start' });
  parent.send({ type: 'stop' });
  await tab.until(() => tab.actor('parent/counter') !== undefined);
  expect(tab.actor('parent/counter')?.status).toBe('stopped');
});
