// Shadows that are typed, and checked, by a Standard Schema: those of zod and of valibot, and some that misbehave.
import * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import {
  InvalidDocumentError,
  type IotError,
  type JsonObject,
  type Shadow,
  type ShadowPart,
  type ShadowUpdate,
  type StandardSchema,
} from '../../src/index.ts';
import { Heard, published, whenState } from './shadow-support.ts';
import { clientOf, failureOf, freshId, liveClient, settled, thrownBy, useCore } from './support.ts';

const core = useCore();

interface Lamp {
  readonly color?: 'red' | 'green' | undefined;
  readonly level?: number | undefined;
  readonly place?: { readonly room?: string | undefined } | undefined;
}

const SCHEMAS = {
  zod: z.object({
    color: z.enum(['red', 'green']).optional(),
    level: z.number().min(0).optional(),
    place: z.object({ room: z.string().optional() }).optional(),
  }),
  valibot: v.object({
    color: v.optional(v.picklist(['red', 'green'])),
    level: v.optional(v.pipe(v.number(), v.minValue(0))),
    place: v.optional(v.object({ room: v.optional(v.string()) })),
  }),
} as const;

async function lamp(schema: StandardSchema<Lamp>) {
  const thing = `thing-${freshId()}`;
  const client = await liveClient(core());
  const shadow = client.shadow<Lamp>(thing, { schema });
  const invalid = new Heard<IotError | InvalidDocumentError>();
  shadow.onInvalid(invalid.push);
  return { client, shadow, invalid, thing, address: { thingName: thing } };
}

describe.each(Object.keys(SCHEMAS) as (keyof typeof SCHEMAS)[])('a schema of %s', (library) => {
  const schema: StandardSchema<Lamp> = SCHEMAS[library];

  test('lets through what it describes, also what is removed', async () => {
    const { shadow, invalid } = await lamp(schema);
    await shadow.update({ desired: { color: 'red', level: 1, place: { room: 'hall' } } });
    await shadow.update({ desired: { color: null, place: { room: null } }, reported: null });
    expect((await shadow.get())?.state.desired?.level).toBe(1);
    expect(invalid.all).toEqual([]);
  });

  test.each([
    ['desired', { desired: { color: 'blue' } }],
    ['reported', { reported: { level: -1 } }],
    ['desired', { desired: { place: { room: 5 } } }],
  ])('refuses wrong input before anything is sent: %s of %j', async (section, change) => {
    const { shadow, thing } = await lamp(schema);
    const error = await failureOf(shadow.update(change as never));
    expect(error).toBeInstanceOf(InvalidDocumentError);
    expect(error).toMatchObject({ code: 'INVALID_DOCUMENT', message: expect.stringContaining(section) });
    expect((error as InvalidDocumentError).issues.length).toBeGreaterThan(0);
    expect(published(core(), thing, 'update')).toBe(0);
    expect(await failureOf(shadow.update(() => change as never))).toMatchObject({ code: 'INVALID_DOCUMENT' });
  });

  test('fault:H-22 a wrong desired state from the cloud is an event with the issues: not applied, not offered', async () => {
    const { shadow, invalid, address } = await lamp(schema);
    const deltas: unknown[] = [];
    const documents: unknown[] = [];
    shadow.onDelta((delta) => deltas.push(delta));
    shadow.onDocuments((one) => documents.push(one));
    await shadow.whenSynced();
    core().shadows.update(address, { state: { desired: { color: 'red' } } });
    await whenState(shadow, ({ desired }) => desired?.color === 'red');
    core().shadows.update(address, { state: { desired: { color: 'blue' } } });
    await whenState(shadow, ({ version, synced }) => version === 2 && synced);
    expect(shadow.state).toMatchObject({ desired: { color: 'red' }, version: 2 });
    expect([deltas, documents]).toEqual([
      [expect.objectContaining({ version: 1 })],
      [expect.objectContaining({ current: expect.objectContaining({ version: 1 }) })],
    ]);
    for (const error of invalid.all) {
      expect(error).toBeInstanceOf(InvalidDocumentError);
      expect((error as InvalidDocumentError).issues[0]?.path).toBeDefined();
    }
    const told = invalid.all.length;
    expect(told).toBeGreaterThan(0);
    expect(await failureOf(shadow.get())).toMatchObject({ code: 'INVALID_DOCUMENT' });
    const desired = () => invalid.all.filter(({ message }) => message.startsWith('desired')).length;
    const before = desired();
    await shadow.update({ reported: { level: 3 } });
    await whenState(shadow, ({ version }) => version === 3);
    expect(shadow.state).toMatchObject({ desired: { color: 'red' }, reported: { level: 3 } });
    expect(desired()).toBe(before);
    core().shadows.update(address, { state: { desired: { color: 'green' } } });
    await whenState(shadow, ({ desired }) => desired?.color === 'green');
    await settled();
    expect(deltas.at(-1)).toMatchObject({ version: 4, state: { color: 'green' } });
  });
});

test('without a listener it is a warning', async () => {
  const { client, shadow, thing, address } = await lamp(SCHEMAS.zod);
  const other = client.shadow(`${thing}-2`, { schema: SCHEMAS.zod });
  const warnings = new Heard<string>();
  client.on('warning', ({ message }) => warnings.push(message));
  await shadow.get();
  core().shadows.update({ thingName: other.thingName }, { state: { desired: { level: 'high' } } });
  expect(await failureOf(other.get())).toMatchObject({ code: 'INVALID_DOCUMENT' });
  const title = `shadow ${other.thingName}`;
  expect((await warnings.until(2)).map((warning) => warning.split(' is not')[0])).toEqual([
    `${title}: delta`,
    `${title}: desired`,
  ]);
  expect(core().shadows.get(address)).toBeUndefined();
});

test.each([
  ['answers with a promise', () => Promise.reject(new Error('no'))],
  [
    'throws',
    () => {
      throw new Error('boom');
    },
  ],
])('a schema that %s is refused where it is asked, and harms nothing', async (_, validate) => {
  const schema = { '~standard': { version: 1, vendor: 'mine', validate } } as unknown as StandardSchema<Lamp>;
  const { shadow, invalid, address } = await lamp(schema);
  expect(await failureOf(shadow.update({ desired: { level: 1 } }))).toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  shadow.onState(() => undefined);
  await shadow.whenSynced();
  core().shadows.update(address, { state: { desired: { level: 1 } } });
  await whenState(shadow, ({ version, synced }) => version === 1 && synced);
  expect(shadow.state.desired).toBeUndefined();
  expect(invalid.all[0]).toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('what is no Standard Schema is refused, and another one for a shadow that is in use', () => {
  const client = clientOf(core());
  for (const schema of [5, null, {}, { '~standard': { version: 2 } }, { '~standard': { version: 1 } }]) {
    expect(thrownBy(() => client.shadow('other', { schema: schema as never }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('schema'),
    });
  }
  const shadow = client.shadow('lamp', { schema: SCHEMAS.zod });
  expect(client.shadow('lamp', { schema: SCHEMAS.zod })).toBe(shadow);
  expect(thrownBy(() => client.shadow('lamp', { schema: SCHEMAS.valibot }))).toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});

test('the state is typed by the schema, by the type that is given, or is any JSON', () => {
  const client = clientOf(core());
  const byZod = client.shadow('zod', { schema: SCHEMAS.zod });
  const byValibot = client.shadow('valibot', { schema: SCHEMAS.valibot });
  const byType = client.shadow<Lamp>('type');
  const byNothing = client.shadow('nothing');
  expectTypeOf(byZod).toEqualTypeOf<Shadow<z.input<typeof SCHEMAS.zod>>>();
  expectTypeOf(byValibot).toEqualTypeOf<Shadow<v.InferInput<typeof SCHEMAS.valibot>>>();
  expectTypeOf(byZod.state.desired).toEqualTypeOf<z.input<typeof SCHEMAS.zod> | undefined>();
  expectTypeOf(byZod.state.reported?.color).toEqualTypeOf<'red' | 'green' | undefined>();
  expectTypeOf(byType.state.delta).toEqualTypeOf<ShadowPart<Lamp> | undefined>();
  expectTypeOf(byNothing.state.desired).toEqualTypeOf<JsonObject | undefined>();
  byZod.onDelta(({ state }) => expectTypeOf(state.level).toEqualTypeOf<number | undefined>());
  byType.onDocuments(({ previous, current }) => {
    expectTypeOf(current.state.desired?.place?.room).toEqualTypeOf<string | undefined>();
    expectTypeOf(previous?.state.reported).toEqualTypeOf<Lamp | undefined>();
  });
  const changes: ShadowUpdate<Lamp>[] = [
    { desired: { color: null, place: { room: null } }, reported: null },
    { reported: { level: 1 } },
    null,
  ];
  // @ts-expect-error: no lamp has this color
  const blue: ShadowUpdate<Lamp> = { desired: { color: 'blue' } };
  expect([...changes, blue]).toHaveLength(4);
});

test('sec:S-17 says no more than a few of the issues, and has them all', async () => {
  const client = await liveClient(core());
  const schema = v.record(v.string(), v.number());
  const shadow = client.shadow<Record<string, number>>(`thing-${freshId()}`, { schema });
  const desired = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key${index}`, 'x']));
  const error = await failureOf(shadow.update({ desired } as never));
  expect(error).toBeInstanceOf(InvalidDocumentError);
  expect((error as InvalidDocumentError).issues).toHaveLength(200);
  expect(error.message.length).toBeLessThan(1_000);
  expect(error.message).toContain('195 more');
});
