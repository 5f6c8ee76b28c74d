import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { IotError } from '../../../src/protocol/errors.ts';
import { ShadowRejectedError } from '../../../src/protocol/shadow-rejection.ts';

describe('the error of a rejected request', () => {
  const error = new ShadowRejectedError('update', { code: 409, message: 'Version conflict' });

  it('is an IotError like the others', () => {
    expect(error).toBeInstanceOf(IotError);
    expect(error).toBeInstanceOf(ShadowRejectedError);
    expect(IotError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: 'SHADOW_REJECTED', recovery: 'none', outcomeUnknown: false });
  });

  it("has AWS's code, which request it was, and what AWS said", () => {
    expect(error).toMatchObject({ reasonCode: 409, operation: 'update' });
    expect(error.message).toBe('the update was rejected: 409 "Version conflict"');
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      code: 'SHADOW_REJECTED',
      reasonCode: 409,
      message: error.message,
      remediation: error.remediation,
    });
  });

  it.each([
    [401, /policy/],
    [403, /policy/],
    [404, /an update makes it/],
    [409, /get it and update again/],
    [413, /8 KB/],
    [429, /10 at a time/],
  ])('says what to do about %i', (code, remediation) => {
    expect(new ShadowRejectedError('get', { code, message: '' }).remediation).toMatch(remediation);
  });

  it.each([400, 415, 500, 999, 0])('says nothing where there is nothing true to say: %i', (code) => {
    expect(new ShadowRejectedError('get', { code, message: '' })).not.toHaveProperty('remediation');
  });

  it('sec:S-17 cuts and escapes what came from outside', () => {
    const message = `\u001b[31m\nforged: line\u202e${'x'.repeat(100_000)}`;
    const hostile = new ShadowRejectedError('delete', { code: 400, message });
    expect(hostile.message).toMatch(
      /^the delete was rejected: 400 "\\u001b\[31m\\nforged: line\\u\{202e\}x+"… \(\d+ characters\)$/,
    );
    expect(hostile.message.length).toBeLessThan(200);
    expect(inspect(hostile, { depth: 9, showHidden: true })).not.toContain('x'.repeat(100));
  });
});
