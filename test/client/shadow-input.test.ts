// What a caller may say, checked before anything is sent; and keys that are names of properties of every object.
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { published, whenState } from './shadow-support.ts';
import { failureOf, freshId, liveClient, useCore } from './support.ts';

const core = useCore({ limits: { shadowLevels: 8 } });

afterEach(() => {
  expect(Object.keys(Object.prototype)).toEqual([]);
});

async function shadowOf() {
  const thing = `thing-${freshId()}`;
  const client = await liveClient(core());
  return { shadow: client.shadow(thing), thing };
}

function nested(levels: number): object {
  return levels === 1 ? { leaf: 1 } : { a: nested(levels - 1) };
}

const cycle: { self?: unknown } = {};
cycle.self = cycle;

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ['NaN', { desired: { a: Number.NaN } }, '"a"'],
  ['infinity', { desired: { a: { b: Number.POSITIVE_INFINITY } } }, '"b"'],
  ['undefined in an array', { desired: { a: [1, undefined] } }, '"1"'],
  ['a hole in an array', { desired: { a: new Array(2) } }, '"0"'],
  ['a Map', { reported: { a: new Map([['b', 1]]) } }, '"a"'],
  ['a Set', { reported: { a: new Set([1]) } }, '"a"'],
  ['bytes', { reported: { a: new Uint8Array(2) } }, '"a"'],
  ['a function', { desired: { a: () => 1 } }, '"a"'],
  ['a symbol', { desired: { a: Symbol('b') } }, '"a"'],
  ['a BigInt', { desired: { a: 1n } }, '"a"'],
  ['a cycle', { desired: cycle }, 'JSON'],
  ['a Map in place of all', new Map(), 'update'],
  ['a Date in place of all', new Date(0), 'update'],
  ['a promise in place of all', Promise.resolve({}), 'desired and reported, or null; given: a Promise'],
  ['what is a number as JSON in place of all', { toJSON: () => 5 }, 'update'],
  ['what is null as JSON in place of all', { toJSON: () => null }, 'update'],
  ['what is nothing as JSON in place of all', { toJSON: () => undefined }, 'update'],
  ['a list in place of a section', { desired: [1] }, 'desired'],
  ['a text in place of a section', { reported: 'on' }, 'reported'],
  ['a section that there is not', { delta: { a: 1 } }, '"delta"'],
  ['null in an array', { desired: { a: [1, null] } }, 'null in an array'],
  ['null in an array of an array', { desired: { a: [{ b: [[null]] }] } }, 'null in an array'],
  ['nine levels', { desired: nested(9) }, '8 levels'],
  ['more than 8 KB', { desired: { a: 'x'.repeat(5_000) }, reported: { b: 'x'.repeat(3_200) } }, '8192 bytes'],
];

test.each(REFUSED)('fault:H-9 refuses %s, by its place, and sends nothing', async (_, change, said) => {
  const { shadow, thing } = await shadowOf();
  const error = await failureOf(shadow.update(change as object));
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(said) });
  expect(published(core(), thing, 'update')).toBe(0);
});

test('takes all that JSON says: also 8 levels, 8,192 bytes, what is removed beside that, dates, and keys without a value', async () => {
  const { shadow, thing } = await shadowOf();
  await shadow.update({ desired: nested(8) });
  const full = { a: 'x'.repeat(8_192 - 8) };
  await shadow.update({ desired: null, reported: full });
  const removals = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`key${index}`, null]));
  await shadow.update({ reported: { ...removals, ...full } });
  const { state } = await shadow.update({
    reported: { a: null, at: new Date(0), nothing: undefined, list: [[1], { b: false }], text: '"\u0000ü😀' },
  } as never);
  expect(state).toEqual({
    reported: { a: null, at: '1970-01-01T00:00:00.000Z', list: [[1], { b: false }], text: '"\u0000ü😀' },
  });
  expect(core().shadows.get({ thingName: thing })?.state.reported).toMatchObject({ text: '"\u0000ü😀' });
});

test('fault:H-20 a token has 1 to 64 bytes', async () => {
  const { shadow } = await shadowOf();
  for (const clientToken of ['', 'x'.repeat(65), 'ü'.repeat(33), 5, null]) {
    const options = { clientToken } as { clientToken: string };
    expect(await failureOf(shadow.get(options))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
  expect(await shadow.get({ clientToken: 'ü'.repeat(32) })).toBeUndefined();
});

test('refuses options that it does not know, or that are not what they must be', async () => {
  const { shadow } = await shadowOf();
  const calls = [
    shadow.get({ version: 1 } as object),
    shadow.update({ desired: {} }, { version: -1 }),
    shadow.update({ desired: {} }, { version: 1.5 }),
    shadow.update({ desired: {} }, { retry: true } as object),
    // @ts-expect-error: it has more than one request.
    shadow.update(() => ({ desired: {} }), { clientToken: 'a' }),
    shadow.update(() => ({ desired: {} }), { version: 1 } as object),
    shadow.update((async () => ({ desired: {} })) as never),
    shadow.delete({ timeoutMs: 0 }),
    shadow.get({ timeoutMs: Number.NaN }),
    shadow.get({ waitForConnection: 1 as never }),
    shadow.get({ signal: {} as AbortSignal }),
    shadow.whenSynced({ timeout: 1 } as object),
  ];
  for (const error of await Promise.all(calls.map(failureOf))) {
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
  for (const call of ['onDelta', 'onDocuments', 'onState', 'onInvalid'] as const) {
    expect(() => shadow[call](5 as never)).toThrow('must be a function');
  }
  expect(() => shadow.deltas({ bufferSize: 0 })).toThrow('bufferSize');
  expect(() => shadow.documents({ overflow: 'all' as never })).toThrow('overflow');
});

test('fault:H-17 sec:S-10 keys such as __proto__ are plain data, on every way', async () => {
  const { shadow, thing } = await shadowOf();
  const tricky = JSON.parse(
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"prototype":1,"toString":"x"}',
  ) as object;
  const deltas: object[] = [];
  const documents: object[] = [];
  shadow.onDelta(({ state }) => deltas.push(state));
  shadow.onDocuments(({ current }) => documents.push(current.state));
  await shadow.whenSynced();
  const { state } = await shadow.update({ desired: tricky });
  core().shadows.update({ thingName: thing }, { state: { reported: { prototype: 1 } } });
  await whenState(shadow, ({ version }) => version === 2);
  const all = [
    (state?.desired ?? {}) as object,
    (shadow.state.desired ?? {}) as object,
    ((await shadow.get())?.state.desired ?? {}) as object,
    (documents.at(-1) as { desired: object }).desired,
  ];
  for (const one of all) {
    expect(JSON.stringify(one)).toBe(JSON.stringify(tricky));
    expect(Object.getPrototypeOf(one)).toBe(Object.prototype);
    expect(Object.hasOwn(one, '__proto__')).toBe(true);
  }
  expect(Object.keys(deltas.at(-1) ?? {}).sort()).toEqual(['__proto__', 'constructor', 'toString']);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  await shadow.update({ desired: JSON.parse('{"__proto__":null,"toString":null}') as object });
  expect(Object.keys(shadow.state.desired ?? {})).toEqual(['constructor', 'prototype']);
});

test('sec:S-15 nothing in the sources of shadows, or of tokens, draws from Math.random', () => {
  const folder = (name: string) => new URL(`../../src/${name}/`, import.meta.url);
  for (const name of ['client', 'protocol', 'machines']) {
    for (const file of readdirSync(folder(name)).filter((one) => /shadow|random-id/.test(one))) {
      expect(readFileSync(new URL(file, folder(name)), 'utf8'), file).not.toContain('Math.random');
    }
  }
});
