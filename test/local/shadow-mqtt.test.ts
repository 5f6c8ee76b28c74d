import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { ShadowWire } from './shadow-wire.ts';
import { connectPlain } from './support.ts';

interface Vectors {
  readonly getStateAfter: { readonly name: string; readonly updates: object[]; readonly state: object }[];
}
const VECTORS = JSON.parse(
  readFileSync(new URL('../fixtures/shadow-state.json', import.meta.url), 'utf8'),
) as Vectors;

let core: LocalIotCore;
let wire: ShadowWire;
let things = 0;
/** A thing of its own for each test. */
let thing: string;

beforeAll(async () => {
  const denied = '$aws/things/forbidden/shadow/update';
  core = await startLocalIotCore({
    plainPort: 0,
    limits: NO_RATE_LIMITS,
    authorize: ({ action, topic }) => action !== 'publish' || topic !== denied,
    onWarning: () => {},
  });
});
afterAll(() => core.stop());
beforeEach(async () => {
  things += 1;
  thing = `thing-${things}`;
  wire = await ShadowWire.open(core, 'wire');
});
afterEach(() => wire.client.endAsync(true));

const rejection = (code: number, message: string, clientToken?: string): object =>
  clientToken === undefined ? { code, message } : { code, message, clientToken };

/** An object with so many levels. */
const nested = (levels: number): object => (levels === 1 ? { x: 1 } : { x: nested(levels - 1) });

describe('a shadow of the local core says over MQTT', () => {
  it('delta, documents and accepted of an update, in this order and with the keys in AWS’s order', async () => {
    expect(
      await wire.ask(thing, 'update', { state: { reported: { Color: 'green' } }, clientToken: 'a' }),
    ).toEqual([
      'update/documents {"previous":null,"current":{"state":{"reported":{"Color":"green"}},"metadata":{"reported":{"Color":{"timestamp":T}}},"version":1},"timestamp":T,"clientToken":"a"}',
      'update/accepted {"state":{"reported":{"Color":"green"}},"metadata":{"reported":{"Color":{"timestamp":T}}},"version":1,"timestamp":T,"clientToken":"a"}',
    ]);
    expect(await wire.ask(thing, 'update', { state: { desired: { Color: 'red' } } })).toEqual([
      'update/delta {"version":2,"timestamp":T,"state":{"Color":"red"},"metadata":{"Color":{"timestamp":T}}}',
      'update/documents {"previous":{"state":{"reported":{"Color":"green"}},"metadata":{"reported":{"Color":{"timestamp":T}}},"version":1},"current":{"state":{"desired":{"Color":"red"},"reported":{"Color":"green"}},"metadata":{"desired":{"Color":{"timestamp":T}},"reported":{"Color":{"timestamp":T}}},"version":2},"timestamp":T}',
      'update/accepted {"state":{"desired":{"Color":"red"}},"metadata":{"desired":{"Color":{"timestamp":T}}},"version":2,"timestamp":T}',
    ]);
  });

  it('the document to a get, with the delta and its metadata as long as there is one', async () => {
    await wire.ask(thing, 'update', {
      state: { desired: { c: { r: 1, g: 2 }, on: true }, reported: { c: { r: 1 } } },
    });
    expect(await wire.ask(thing, 'get')).toEqual([
      'get/accepted {"state":{"desired":{"c":{"r":1,"g":2},"on":true},"reported":{"c":{"r":1}},"delta":{"c":{"g":2},"on":true}},"metadata":{"desired":{"c":{"r":{"timestamp":T},"g":{"timestamp":T}},"on":{"timestamp":T}},"reported":{"c":{"r":{"timestamp":T}}},"delta":{"c":{"g":{"timestamp":T}},"on":{"timestamp":T}}},"version":1,"timestamp":T}',
    ]);
    await wire.ask(thing, 'update', { state: { reported: { c: { g: 2 }, on: true } } });
    expect(await wire.ask(thing, 'get', { clientToken: 'b', anything: [null] })).toEqual([
      'get/accepted {"state":{"desired":{"c":{"r":1,"g":2},"on":true},"reported":{"c":{"r":1,"g":2},"on":true}},"metadata":{"desired":{"c":{"r":{"timestamp":T},"g":{"timestamp":T}},"on":{"timestamp":T}},"reported":{"c":{"r":{"timestamp":T},"g":{"timestamp":T}},"on":{"timestamp":T}}},"version":2,"timestamp":T,"clientToken":"b"}',
    ]);
  });

  it('no documents and no delta to a get or a delete, and the current version to a delete', async () => {
    await wire.ask(thing, 'update', { state: { desired: { a: 1 } } });
    await wire.ask(thing, 'update', { state: { desired: { a: 1 } } });
    expect(await wire.ask(thing, 'delete', { clientToken: 'd' })).toEqual([
      'delete/accepted {"version":2,"timestamp":T,"clientToken":"d"}',
    ]);
    expect(await wire.ask(thing, 'get', { clientToken: 'e' })).toEqual([
      `get/rejected {"code":404,"message":"No shadow exists with name: '${thing}'","clientToken":"e"}`,
    ]);
    expect(await wire.ask(thing, 'delete')).toEqual([
      `delete/rejected {"code":404,"message":"No shadow exists with name: '${thing}'"}`,
    ]);
  });

  it('what was asked for, nulls included, and nothing of a delta that was sent', async () => {
    await wire.ask(thing, 'update', { state: { desired: { a: 1, o: { p: 1, q: 2 } } } });
    const change = {
      state: { delta: { no: 1 }, reported: null, desired: { a: null, o: { q: null }, l: [1, [{ k: 2 }]] } },
    };
    expect((await wire.ask(thing, 'update', change)).at(-1)).toBe(
      'update/accepted {"state":{"reported":null,"desired":{"a":null,"o":{"q":null},"l":[1,[{"k":2}]]}},"metadata":{"reported":{"timestamp":T},"desired":{"a":{"timestamp":T},"o":{"q":{"timestamp":T}},"l":[{"timestamp":T},[{"k":{"timestamp":T}}]]}},"version":2,"timestamp":T}',
    );
    expect(core.shadows.get({ thingName: thing })?.state).toEqual({
      desired: { o: { p: 1 }, l: [1, [{ k: 2 }]] },
      delta: { o: { p: 1 }, l: [1, [{ k: 2 }]] },
    });
  });

  it('that state null is accepted, also first, and leaves a shadow that is empty', async () => {
    const cleared = (version: number): string =>
      `update/accepted {"state":null,"metadata":{"timestamp":T},"version":${version},"timestamp":T}`;
    expect((await wire.ask(thing, 'update', '{"state":null}')).at(-1)).toBe(cleared(1));
    await wire.ask(thing, 'update', { state: { desired: { a: 1 } } });
    expect((await wire.ask(thing, 'update', '{"state":null}')).at(-1)).toBe(cleared(3));
    expect(await wire.ask(thing, 'get')).toEqual([
      'get/accepted {"state":{},"metadata":{},"version":3,"timestamp":T}',
    ]);
  });

  it.each(VECTORS.getStateAfter)(
    'what the real service was seen to say: $name',
    async ({ updates, state }) => {
      for (const change of updates) await wire.ask(thing, 'update', { state: change });
      expect(await wire.answer(thing, 'get')).toMatchObject({ version: updates.length, state });
      expect(core.shadows.get({ thingName: thing })?.state).toEqual(state);
    },
  );

  it('the whole outstanding delta with each update, whoever made it', async () => {
    await wire.ask(thing, 'update', { state: { desired: { a: 1, b: 2 } } });
    const [delta] = await wire.ask(thing, 'update', {
      state: { reported: { a: 1, x: 0 } },
      clientToken: 't',
    });
    expect(delta).toBe(
      'update/delta {"version":2,"timestamp":T,"state":{"b":2},"metadata":{"b":{"timestamp":T}},"clientToken":"t"}',
    );
  });

  it('nothing of a named shadow on the topics of another one', async () => {
    await wire.ask(thing, 'name/night/update', { state: { desired: { a: 1 } } });
    await wire.ask(thing, 'name/$day:1/update', { state: { reported: { a: 2 } } });
    expect((await wire.ask(thing, 'name/other/get')).at(-1)).toContain(`No shadow exists with name: 'other'`);
    expect((await wire.ask(thing, 'get')).at(-1)).toContain(`No shadow exists with name: '${thing}'`);
    expect(await wire.answer(thing, 'name/night/get')).toMatchObject({
      state: { desired: { a: 1 } },
      version: 1,
    });
    expect(core.shadows.list(thing)).toEqual(['$day:1', 'night']);
  });

  it('an answer with the QoS that was subscribed with', async () => {
    for (const qos of [0, 1] as const) {
      const listener = await ShadowWire.open(core, `listener-${qos}`, qos);
      const answered = new Promise((resolve) =>
        listener.client.once('message', (...[, , packet]) => resolve(packet)),
      );
      listener.send(thing, 'get', '');
      expect(await answered).toMatchObject({ qos, retain: false });
    }
  });
});

describe('a shadow of the local core keeps', () => {
  it('the times of what an update does not touch', async () => {
    const stamps = (): unknown => core.shadows.get({ thingName: thing })?.metadata;
    await wire.ask(thing, 'update', {
      state: { desired: { old: 1, o: { old: 1, new: 1 } }, reported: { l: [1] } },
    });
    const first = core.shadows.get({ thingName: thing })?.timestamp ?? 0;
    core.faults.skewClock(100_000);
    await wire.ask(thing, 'update', { state: { desired: { o: { new: 1 } }, reported: { l: [1, 2] } } });
    core.faults.skewClock(0);
    const before = { timestamp: expect.closeTo(first, -1) as number };
    const after = { timestamp: expect.closeTo(first + 100, -1) as number };
    expect(stamps()).toEqual({
      desired: { old: before, o: { old: before, new: after } },
      reported: { l: [after, after] },
      delta: { old: before, o: { old: before, new: after } },
    });
  });

  it('a counter of versions that a delete does not turn back, for 48 hours', async () => {
    const made = async (): Promise<unknown> => wire.answer(thing, 'update', { state: { desired: { a: 1 } } });
    await made();
    await made();
    expect(await made()).toMatchObject({ version: 3 });
    expect(await wire.answer(thing, 'delete')).toMatchObject({ version: 3 });
    const carried = { state: { desired: {} }, version: 3, clientToken: 'c' };
    expect(await wire.answer(thing, 'update', carried)).toEqual(rejection(409, 'Version conflict', 'c'));
    const [, documents] = await wire.ask(thing, 'update', { state: { desired: { a: 1 } } });
    expect(documents).toMatch(/^update\/documents \{"previous":null,.*"version":5\}/);
    await wire.ask(thing, 'delete');
    core.faults.skewClock(48 * 3_600_000);
    expect(await made()).toMatchObject({ version: 1 });
    core.faults.skewClock(0);
  });

  it('fault:H-17 sec:S-10 keys such as __proto__ as data, and no prototype is touched', async () => {
    const text =
      '{"state":{"desired":{"__proto__":{"polluted":1},"constructor":{"prototype":{"x":1}},"a":{"__proto__":null,"b":1}}}}';
    expect((await wire.ask(thing, 'update', text)).at(-1)).toBe(
      'update/accepted {"state":{"desired":{"__proto__":{"polluted":1},"constructor":{"prototype":{"x":1}},"a":{"__proto__":null,"b":1}}},"metadata":{"desired":{"__proto__":{"polluted":{"timestamp":T}},"constructor":{"prototype":{"x":{"timestamp":T}}},"a":{"__proto__":{"timestamp":T},"b":{"timestamp":T}}}},"version":1,"timestamp":T}',
    );
    await wire.ask(thing, 'update', '{"state":{"desired":{"__proto__":{"more":2}}}}');
    expect((await wire.ask(thing, 'get')).at(-1)).toContain(
      '"desired":{"__proto__":{"polluted":1,"more":2},"constructor":{"prototype":{"x":1}},"a":{"b":1}}',
    );
    expect({}).not.toHaveProperty('polluted');
    expect({}).not.toHaveProperty('x');
  });

  it('its documents over a restart of the core', async () => {
    await wire.ask(thing, 'update', { state: { desired: { a: 1 } } });
    await core.restart();
    const later = await ShadowWire.open(core, 'later');
    expect(await later.answer(thing, 'get')).toMatchObject({ state: { desired: { a: 1 } }, version: 1 });
    await later.client.endAsync(true);
  });
});

describe('a shadow of the local core refuses, in the words of AWS,', () => {
  const token = 't'.repeat(64);

  it.each<[string, string | Buffer | object, number, string, boolean]>([
    ['no JSON', '{"state":', 400, 'Invalid JSON', false],
    ['an empty update', '', 400, 'Invalid JSON', false],
    ['no state', { clientToken: token }, 400, 'Missing required node: state', true],
    ['JSON that is no object', '[1]', 400, 'Missing required node: state', false],
    [
      'a state that is an array',
      { state: [], clientToken: token },
      400,
      'State node must be an object',
      true,
    ],
    [
      'a desired state that is text',
      { state: { desired: 'x' }, clientToken: token },
      400,
      'Desired node must be an object',
      true,
    ],
    [
      'a reported state that is an array',
      { state: { reported: [] }, clientToken: token },
      400,
      'Reported node must be an object',
      true,
    ],
    [
      'a section that there is not',
      { state: { wanted: {} }, clientToken: token },
      400,
      'State contains an invalid node',
      true,
    ],
    [
      'a section that is called __proto__',
      '{"state":{"__proto__":{}}}',
      400,
      'State contains an invalid node',
      false,
    ],
    [
      'null in an array',
      { state: { desired: { a: [1, null] } }, clientToken: token },
      400,
      'State contains an invalid node',
      true,
    ],
    [
      'null deep in an array',
      { state: { reported: { a: { b: [[{ c: null }]] } } } },
      400,
      'State contains an invalid node',
      false,
    ],
    ['a version that is text', { state: {}, version: '1', clientToken: token }, 400, 'Invalid version', true],
    ['half a version', { state: {}, version: 1.5 }, 400, 'Invalid version', false],
    ['a negative version', { state: {}, version: -1 }, 400, 'Invalid version', false],
    ['a version of null', '{"state":{},"version":null}', 400, 'Invalid version', false],
    ['another version than 1 for a new shadow', { state: {}, version: 2 }, 400, 'Invalid version', false],
    ['a token that is no text', { state: {}, clientToken: 1 }, 400, 'Invalid clientToken', false],
    [
      'a token of 65 bytes',
      { state: {}, clientToken: `${'t'.repeat(63)}é` },
      400,
      'Invalid clientToken',
      false,
    ],
    [
      'a desired state with 7 levels',
      { state: { desired: nested(7) }, clientToken: token },
      400,
      'JSON contains too many levels of nesting; maximum is 6',
      true,
    ],
    [
      'a reported state with 7 levels',
      { state: { reported: { a: [[[[[[1]]]]]] } } },
      400,
      'JSON contains too many levels of nesting; maximum is 6',
      false,
    ],
    [
      'more brackets than a parser takes',
      '['.repeat(100_000),
      400,
      'JSON contains too many levels of nesting; maximum is 6',
      false,
    ],
    [
      'what is not UTF-8',
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      415,
      'Unsupported documented encoding; supported encoding is UTF-8',
      false,
    ],
    [
      'too long a document',
      { state: { desired: { a: 'x'.repeat(8_185) } }, clientToken: token },
      413,
      'Json document too large.  Size is 8193, max allowed: 8192',
      true,
    ],
  ])('%s', async (_, payload, code, message, hasToken) => {
    expect(await wire.answer(thing, 'update', payload)).toEqual(
      rejection(code, message, hasToken ? token : undefined),
    );
    expect(core.shadows.get({ thingName: thing })).toBeUndefined();
  });

  it.each(['get', 'delete'])('a %s that is no JSON, or has a bad token', async (operation) => {
    expect(await wire.answer(thing, operation, '{')).toEqual(rejection(400, 'Invalid JSON'));
    expect(await wire.answer(thing, operation, '{"clientToken":{}}')).toEqual(
      rejection(400, 'Invalid clientToken'),
    );
    expect(await wire.answer(thing, operation, '5')).toMatchObject({ code: 404 });
  });

  it('names that AWS does not have', async () => {
    const name = 'n'.repeat(65);
    expect(await wire.answer(thing, `name/${name}/get`, { clientToken: 'n' })).toMatchObject({
      code: 400,
      clientToken: 'n',
    });
    expect(await wire.answer('no thing', 'update', { state: {} })).toMatchObject({ code: 400 });
    expect(core.shadows.list(thing)).toEqual([]);
  });

  it('a version that is not the current one, and takes the one that is', async () => {
    const update = (version: number): Promise<object> =>
      wire.answer(thing, 'update', { state: { desired: { a: version } }, version, clientToken: 'v' });
    expect(await update(1)).toMatchObject({ version: 1 });
    expect(await update(1)).toMatchObject({ version: 2 });
    for (const stale of [0, 1, 3])
      expect(await update(stale)).toEqual(rejection(409, 'Version conflict', 'v'));
    expect(core.shadows.get({ thingName: thing })).toMatchObject({
      version: 2,
      state: { desired: { a: 1 } },
    });
  });

  it('fault:H-9 what has become too long by merging; metadata does not count', async () => {
    const half = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${100 + index}`, 1]));
    expect(await wire.answer(thing, 'update', { state: { desired: half } })).toMatchObject({ version: 1 });
    expect(await wire.answer(thing, 'update', { state: { reported: half } })).toMatchObject({
      code: 413,
      message: expect.stringMatching(
        /^Json document too large. {2}Size is \d+, max allowed: 8192$/,
      ) as string,
    });
    expect(await wire.answer(thing, 'update', { state: { reported: { a: 1 } } })).toMatchObject({
      version: 2,
    });
  });

  it('takes 6 levels in each section, a token of 64 bytes and 8,192 bytes', async () => {
    const state = { desired: nested(6), reported: nested(6) };
    expect(await wire.answer(thing, 'update', { state, clientToken: token })).toMatchObject({
      clientToken: token,
    });
    const full = { state: { desired: null, reported: { a: 'x'.repeat(8_184), x: null } } };
    expect(await wire.answer(thing, 'update', full)).toMatchObject({ version: 2 });
  });

  it('the eleventh request that has no answer yet, with 429, and goes on afterwards', async () => {
    for (let index = 0; index < 11; index++) wire.send(thing, 'get', { clientToken: `${index}` });
    await wire.until(() => wire.heard.length === 11);
    const tooMany = wire.heard.filter(({ text }) => text.includes('TOO_MANY_REQUESTS'));
    expect(tooMany.map(({ text }) => text)).toEqual([
      '{"code":429,"message":"TOO_MANY_REQUESTS","clientToken":"10"}',
    ]);
    expect(await wire.answer(thing, 'get')).toMatchObject({ code: 404 });
  });

  it('counts what is in flight for each connection by itself', async () => {
    const other = await ShadowWire.open(core, 'other');
    for (let index = 0; index < 10; index++) for (const each of [wire, other]) each.send(thing, 'get', '');
    await wire.until(() => wire.heard.length === 20);
    expect(wire.heard.filter(({ text }) => text.includes('429'))).toEqual([]);
    await other.client.endAsync(true);
  });
});

describe('the shadows of the local core', () => {
  it('take no notice of a Will, nor of a publish that was denied', async () => {
    const payload = '{"state":{"reported":{"gone":true}}}';
    const lamp = await connectPlain(core, 'lamp', {
      will: {
        topic: `$aws/things/${thing}/shadow/update`,
        payload: Buffer.from(payload),
        qos: 1,
        retain: false,
      },
    });
    await core.faults.dropConnections({ clientId: lamp.options.clientId as string });
    await core.when(() => core.received.some(({ clientId }) => clientId === 'lamp'));
    const villain = await connectPlain(core, 'villain');
    const closed = new Promise<void>((resolve) => villain.once('close', () => resolve()));
    villain.publish('$aws/things/forbidden/shadow/update', payload);
    await closed;
    expect(await wire.answer(thing, 'get')).toMatchObject({ code: 404 });
    expect(await wire.answer('forbidden', 'get')).toMatchObject({ code: 404 });
    expect(wire.heard.map(({ rest }) => rest)).toEqual(['get/rejected', 'get/rejected']);
  });

  it('answer whatever comes, and nothing that comes stops them', async () => {
    const request = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.json({ maxDepth: 9 }),
      fc
        .record({
          state: fc.jsonValue({ maxDepth: 9 }),
          version: fc.jsonValue(),
          clientToken: fc.jsonValue(),
        })
        .map((value) => JSON.stringify(value)),
      fc
        .record(
          { desired: fc.jsonValue(), reported: fc.jsonValue(), delta: fc.jsonValue() },
          { requiredKeys: [] },
        )
        .map((state) => JSON.stringify({ state })),
    );
    const operation = fc.constantFrom('get', 'update', 'update', 'delete');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(operation, request), { maxLength: 5 }), async (requests) => {
        for (const [kind, payload] of requests) await wire.ask(thing, kind, payload);
      }),
      { numRuns: 150 },
    );
    expect(await wire.answer(thing, 'update', { state: null })).toHaveProperty('version');
  });
});
