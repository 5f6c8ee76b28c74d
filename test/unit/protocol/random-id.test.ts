import { expect, it } from 'vitest';
import { randomId } from '../../../src/protocol/random-id.ts';

it('a random id has 128 bits as 32 hexadecimal digits, also those of small bytes, and comes once', () => {
  const ids = Array.from({ length: 1_000 }, randomId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(ids).size).toBe(1_000);
});
