import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Unacknowledged, UnacknowledgedPublish } from '../../src/adapters/unacknowledged.ts';

const publishWith = (packetId: number, bytes = 10) =>
  new UnacknowledgedPublish(packetId, 'a', bytes, 0, () => {});

test('finds each by its id, knows the oldest and what they add up to, whatever is taken when', () => {
  const step = fc.record({ id: fc.integer({ min: 1, max: 12 }), bytes: fc.nat(100) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const open = new Unacknowledged();
      const model = new Map<number, UnacknowledgedPublish>();
      for (const { id, bytes } of steps) {
        expect(open.has(id)).toBe(model.has(id));
        if (model.has(id)) {
          expect(open.take(id)).toBe(model.get(id));
          model.delete(id);
        } else {
          const publish = publishWith(id, bytes);
          open.add(publish);
          model.set(id, publish);
        }
        expect(open.oldest).toBe(model.values().next().value);
        expect(open.bytes).toBe([...model.values()].reduce((sum, publish) => sum + publish.bytes, 0));
      }
    }),
  );
});

test('one that was taken is not found again, and leads to no other', () => {
  const open = new Unacknowledged();
  for (const id of [1, 2, 3]) open.add(publishWith(id));
  const taken = open.take(2);
  expect(taken).toMatchObject({ packetId: 2, older: undefined, newer: undefined });
  expect([open.take(2), open.has(2), open.bytes]).toEqual([undefined, false, 20]);
});

test('forgets all at once', () => {
  const open = new Unacknowledged();
  for (const id of [1, 2]) open.add(publishWith(id));
  open.clear();
  expect([open.has(1), open.oldest, open.bytes]).toEqual([false, undefined, 0]);
  open.add(publishWith(3));
  expect(open.oldest?.packetId).toBe(3);
});

test('what was taken is freed by the small collections, also when a full one found its neighbours in use', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how?: { readonly type: 'minor' }) => void;
  const open = new Unacknowledged();
  let lastId = 0;
  const addOne = () => {
    const heavy = new Array<number>(128).fill(++lastId);
    open.add(new UnacknowledgedPublish(lastId, 'a', 1, 0, () => heavy.fill(0)));
  };
  for (let i = 0; i < 100; i++) addOne();
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 20_000; i++) {
    addOne();
    open.take(lastId - 100);
    if (i % 4_000 === 0) collect({ type: 'minor' });
  }
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  // 20,000 of 1 KiB each.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(4_000_000);
});
