import { describe, expect, it } from 'vitest';
import { invalidSecret } from '../../../src/protocol/errors.ts';
import { checkFields } from '../../../src/protocol/fields.ts';
import { errorOf } from './error-of.ts';

const refusal = (value: unknown) => errorOf(() => checkFields('will', value, ['topic', 'qos']));

describe('the fields of an object', () => {
  it.each([[{}], [{ topic: 1 }], [{ qos: undefined, topic: 'a' }], [Object.create(null)]])(
    'may be those that are known: %j',
    (value) => {
      expect(() => checkFields('will', value, ['topic', 'qos'])).not.toThrow();
    },
  );

  it.each([undefined, null, 'topic', 7, () => 1, ['topic'], []])(
    'are those of an object, and not of %j',
    (value) => {
      const { code, message } = refusal(value);
      expect(code).toBe('INVALID_ARGUMENT');
      expect(message).toMatch(/^will must be an object; given: /);
    },
  );

  it('are not shown when the value may be a secret', () => {
    const { message } = errorOf(() => checkFields('auth', 'hunter2', [], invalidSecret));
    expect(message).toBe('auth must be an object; given: text of 7 characters');
  });

  it('sec:S-17 names the stranger, escaped, and what there may be, and no value', () => {
    expect(refusal({ topic: 'a', 'Topic\n': 'hunter2' })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: String.raw`will has no field "Topic\n"; it may have topic, qos`,
    });
  });
});
