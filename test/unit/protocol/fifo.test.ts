import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fifo } from '../../../src/protocol/fifo.ts';

test('gives what came first, whatever was given before', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.nat(3_000) },
    { weight: 3, arbitrary: fc.integer({ min: -3_000, max: -1 }) },
    { weight: 1, arbitrary: fc.constantFrom('all', 'clear') },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const one of steps) {
        if (one === 'all') expect(fifo.takeAll()).toEqual(model.splice(0));
        else if (one === 'clear') {
          fifo.clear();
          model.length = 0;
        } else if (typeof one === 'number') {
          for (let n = 0; n < one; n++) {
            fifo.push(next);
            model.push(next++);
          }
          const taken = Array.from({ length: Math.max(0, -one) }, () => fifo.shift());
          const wanted = model.splice(0, Math.max(0, -one));
          expect(taken.slice(0, wanted.length)).toEqual(wanted);
          expect(taken.slice(wanted.length).every((item) => item === undefined)).toBe(true);
        }
        expect([fifo.length, fifo.first]).toEqual([model.length, model[0]]);
      }
    }),
  );
});
