import { describe, expect, it } from 'vitest';
import { builtUrl, startStoreProcess } from '../support/store-process.ts';

describe('a process with an inspector of Stately', () => {
  it('sec:S-22 ends by itself, with a relay, with a server that is away, and without having closed either', async () => {
    const child = startStoreProcess(`
      import { createActor, createMachine } from 'xstate';
      import { statelyInspector } from '${builtUrl('dist/inspect/index.js')}';
      for (const way of [{}, { url: 'ws://127.0.0.1:1' }]) {
        const stately = await statelyInspector({ via: 'webSocket', ...way });
        createActor(createMachine({ id: 'lamp' }), { inspect: stately.inspect }).start();
      }
      console.log('started');
    `);
    expect(await child.end).toEqual({ exitCode: 0, output: 'started\n' });
  });
});
