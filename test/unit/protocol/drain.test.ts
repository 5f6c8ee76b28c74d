import { expect, it } from 'vitest';
import { DEFAULT_DRAIN } from '../../../src/protocol/drain.ts';

it('by default two messages a second are let go, and more when more come, and nobody can change it for all', () => {
  expect(DEFAULT_DRAIN).toEqual({ perSecond: 2, adaptive: true });
  expect(DEFAULT_DRAIN).toSatisfy(Object.isFrozen);
});
