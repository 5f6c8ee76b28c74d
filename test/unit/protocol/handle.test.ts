import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Handle } from '../../../src/protocol/handle.ts';

describe('a handle', () => {
  const port = { secret: 'hunter2' };
  const handle = new Handle(port);

  it('gives what it holds to whoever opens it', () => {
    expect(Handle.open(handle)).toBe(port);
  });

  it('sec:S-7 shows nothing of it, and cannot be changed', () => {
    expect(JSON.stringify({ handle })).toBe('{"handle":"[handle]"}');
    expect(inspect(handle, { showHidden: true, depth: 9 })).not.toContain('hunter2');
    expect(handle).toSatisfy(Object.isFrozen);
  });
});
