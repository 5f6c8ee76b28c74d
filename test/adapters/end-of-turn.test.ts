import { expect, test, vi } from 'vitest';

test('without setImmediate a turn ends by a message, in order', async () => {
  vi.resetModules();
  vi.stubGlobal('setImmediate', undefined);
  const { port1, port2 } = new MessageChannel();
  vi.stubGlobal(
    'MessageChannel',
    class {
      port1 = port1;
      port2 = port2;
    },
  );
  const { atEndOfTurn } = await import('../../src/adapters/end-of-turn.ts');
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    atEndOfTurn(() => order.push('first'));
    atEndOfTurn(() => {
      order.push('second');
      atEndOfTurn(resolve);
    });
    order.push('this turn');
  });
  port1.close();
  expect(order).toEqual(['this turn', 'first', 'second']);
});
