import { describe, expect, it } from 'vitest';
import { inWorld } from './support/world.ts';

describe('a loop over messages()', () => {
  it('fault:G-7 that is slow loses the oldest, is told how many, and gets the others in order', () =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      let lost = 0;
      client.on('overflow', ({ dropped }) => {
        lost = dropped;
      });
      const stream = client.messages('news', { bufferSize: 3 })[Symbol.asyncIterator]();
      const first = stream.next();
      await broker.when(() => broker.subscriptionsOf('device-1').has('news'));
      for (let number = 0; number <= 10; number++) broker.publish('news', `${number}`);
      const got = [(await first).value?.text()];
      await world.settled(100);
      for (let turn = 0; turn < 3; turn++) got.push((await stream.next()).value?.text());
      expect(got).toEqual(['0', '8', '9', '10']);
      expect(lost).toBe(7);
      await stream.return?.();
      await broker.when(() => broker.subscriptionsOf('device-1').size === 0);
    }));

  it.each([
    ['breaks', false],
    ['throws', true],
  ])('fault:G-7 that %s while the line is gone: the next line does not have its filter', (_what, throws) =>
    inWorld(async (world, broker) => {
      const client = await world.liveClient();
      const boom = new Error('boom');
      const looping = (async () => {
        for await (const message of client.messages('news')) {
          expect(message.text()).toBe('1');
          broker.stopListening();
          await broker.dropConnections();
          await client.when('backingOff');
          if (throws) throw boom;
          break;
        }
      })();
      const ended = looping.catch((error: unknown) => error);
      await broker.when(() => broker.publish('news', '1') > 0);
      expect(await ended).toBe(throws ? boom : undefined);
      await broker.listen();
      await world.retry(client);
      await client.when('live');
      await world.settled();
      expect(broker.subscriptionsOf('device-1').size).toBe(0);
      expect(broker.connections[1]!.count('subscribe')).toBe(0);
    }),
  );
});
