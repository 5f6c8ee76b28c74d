import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseShadowTopic,
  SHADOW_MESSAGES,
  SHADOW_OPERATIONS,
  shadowPrefix,
  shadowTitle,
  validateShadowAddress,
} from '../../../src/protocol/shadow-topics.ts';
import { validateAwsTopic, validateTopicName } from '../../../src/protocol/topics.ts';
import { errorOf } from './error-of.ts';

const part = fc.constantFrom('a', 'z', 'A', 'Z', '0', '9', ':', '_', '-', 'name', 'shadow', 'update');
const thingName = fc.string({ unit: part, minLength: 1, maxLength: 21, size: 'max' });
const shadowName = fc.string({
  unit: fc.oneof(part, fc.constant('$')),
  minLength: 1,
  maxLength: 10,
  size: 'max',
});
const address = fc.record(
  { thingName, shadowName: fc.option(shadowName, { nil: undefined }) },
  { noNullPrototype: true },
);
const rest = fc.constantFrom(...SHADOW_OPERATIONS, ...SHADOW_MESSAGES);

/** A name with one thing in it that no name may have. */
const wrongName = fc
  .tuple(
    thingName,
    fc.constantFrom(
      '+',
      '#',
      '/',
      '\0',
      ' ',
      '\n',
      '.',
      '%2f',
      'é',
      '😀',
      '\ud800',
      '\udc00',
      '\ufeff',
      '\u2028',
    ),
    fc.nat(128),
  )
  .map(([name, wrong, at]) => name.slice(0, at) + wrong + name.slice(at));

describe('the address of a shadow', () => {
  it('stands in its topics', () => {
    const classic = validateShadowAddress('Pump', undefined);
    const named = validateShadowAddress('Pump', '$valves');
    expect(shadowPrefix(classic)).toBe('$aws/things/Pump/shadow');
    expect(shadowPrefix(named)).toBe('$aws/things/Pump/shadow/name/$valves');
    expect([shadowTitle(classic), shadowTitle(named)]).toEqual(['Pump', 'Pump/$valves']);
  });

  it('sec:S-14 is what its topic is taken apart into', () => {
    fc.assert(
      fc.property(address, rest, (given, end) => {
        const checked = validateShadowAddress(given.thingName, given.shadowName);
        expect(checked).toStrictEqual(given);
        const topic = `${shadowPrefix(checked)}/${end}`;
        expect(parseShadowTopic(topic)).toStrictEqual({ address: given, rest: end });
        expect(() => validateTopicName(topic)).not.toThrow();
        expect(() => validateAwsTopic(topic)).not.toThrow();
      }),
    );
  });

  it('may have names as long as AWS allows', () => {
    const longest = validateShadowAddress('t'.repeat(128), 's'.repeat(64));
    expect(() => validateAwsTopic(`${shadowPrefix(longest)}/update/documents`)).not.toThrow();
  });

  it('sec:S-14 refuses names that would mean something else in a topic', () => {
    fc.assert(
      fc.property(wrongName, (name) => {
        expect(errorOf(() => validateShadowAddress(name, undefined))).toMatchObject({
          code: 'INVALID_ARGUMENT',
          message: expect.stringMatching(/^thingName must be 1 to 128 of /) as string,
        });
        expect(errorOf(() => validateShadowAddress('t', name))).toMatchObject({
          code: 'INVALID_ARGUMENT',
          message: expect.stringMatching(/^name must be 1 to 64 of /) as string,
        });
        for (const topic of [`$aws/things/${name}/shadow/get`, `$aws/things/t/shadow/name/${name}/get`]) {
          const { address: found } = parseShadowTopic(topic) ?? {};
          expect(found?.thingName === name || found?.shadowName === name).toBe(false);
        }
      }),
    );
  });

  it.each([[''], ['t'.repeat(129)], ['$t'], [null], [undefined], [7], [['t']], [{ toString: () => 't' }]])(
    'sec:S-14 refuses %j as the name of a thing',
    (name) => {
      expect(errorOf(() => validateShadowAddress(name, undefined)).code).toBe('INVALID_ARGUMENT');
    },
  );

  it.each([[''], ['s'.repeat(65)], [null], [7], [['s']], [{ toString: () => 's' }]])(
    'sec:S-14 refuses %j as the name of a shadow',
    (name) => {
      expect(errorOf(() => validateShadowAddress('t', name)).code).toBe('INVALID_ARGUMENT');
    },
  );
});

describe('taking a topic apart', () => {
  it.each([
    '',
    'a',
    '$aws/things',
    '$aws/things/t',
    '$aws/things/t/jobs/get',
    '$aws/things/t/shadows/get',
    '$aws/things//shadow/get',
    '$aws/things/t//shadow/get',
    '$aws/things/$t/shadow/get',
    'x$aws/things/t/shadow/get',
    '/$aws/things/t/shadow/get',
    '$AWS/things/t/shadow/get',
    '$aws/things/+/shadow/get',
    '$aws/things/t/shadow/name',
    '$aws/things/t/shadow/name//get',
    '$aws/things/t/shadow/name/+/get',
    `$aws/things/${'t'.repeat(129)}/shadow/get`,
    `$aws/things/t/shadow/name/${'s'.repeat(65)}/get`,
  ])('finds no shadow in %j', (topic) => {
    expect(parseShadowTopic(topic)).toBeUndefined();
  });

  it('gives all that follows the prefix, whoever means something by it', () => {
    expect(parseShadowTopic('$aws/things/t/shadow')?.rest).toBe('');
    expect(parseShadowTopic('$aws/things/t/shadow/get/accepted/x')?.rest).toBe('get/accepted/x');
    expect(parseShadowTopic('$aws/things/t/shadow/name/s/+/accepted')?.rest).toBe('+/accepted');
    expect(parseShadowTopic('$aws/things/t/shadow/name/name/name')).toEqual({
      address: { thingName: 't', shadowName: 'name' },
      rest: 'name',
    });
  });
});
