import { describe, expect, it } from 'vitest';
import { closed, connectDevice, connectPlain, connectWebSocket, startCore } from './support.ts';

describe('a cut of connections that are just ending', () => {
  it.each([
    ['plain TCP', connectPlain, 'toClient'],
    ['TLS', connectDevice, 'toClient'],
    // Here nothing can be sent any more once the client has ended.
    ['WebSocket', connectWebSocket, 'toBroker'],
  ] as const)('over %s: they end, and the core stops', async (_name, connect, last) => {
    for (const turns of [0, 1, 2, 3]) {
      const core = await startCore();
      const lamp = await connect(core, 'lamp');
      const over = closed(lamp);
      const isStopped = new Promise<void>((resolve) => {
        core.tap.on(({ packet, direction }) => {
          if (packet !== 'end' || direction !== last) return;
          const stop = (left: number): void => {
            if (left > 0) process.nextTick(() => stop(left - 1));
            else resolve(core.stop());
          };
          queueMicrotask(() => stop(turns));
        });
      });
      lamp.stream.destroy();
      await isStopped;
      await over;
      expect(core.connections).toEqual([]);
    }
  });
});
