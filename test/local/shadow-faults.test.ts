import { expect, it } from 'vitest';

import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { ask } from './http-request.ts';
import { ShadowWire } from './shadow-wire.ts';
import { startCore } from './support.ts';

const desired = (a: number): object => ({ state: { desired: { a } } });

it('refuses more than 20 requests a second about one thing, however they come, and only those', async () => {
  const clock = new SimulatedClock();
  const core = await startCore({ clock, limits: { shadowRequestsPerSecond: 20 } });
  const wire = await ShadowWire.open(core, 'wire');
  for (let count = 0; count < 10; count++) {
    expect(await wire.answer('lamp', 'update', desired(count))).toMatchObject({ version: count + 1 });
  }
  clock.advance(500);
  for (let count = 0; count < 9; count++) await wire.answer('lamp', 'name/x/get');
  const before = wire.heard.length;
  expect(await ask('GET', `${core.httpUrl}/things/lamp/shadow`)).toMatchObject({ status: 200 });
  await wire.until(() => wire.heard.length > before);
  const tooMany = { code: 429, message: 'TOO_MANY_REQUESTS', clientToken: 't' };
  expect(await wire.answer('lamp', 'get', { clientToken: 't' })).toEqual(tooMany);
  expect(await ask('GET', `${core.httpUrl}/things/lamp/shadow`)).toMatchObject({ status: 429 });
  expect(core.shadows.get({ thingName: 'lamp' })).toMatchObject({ version: 10 });
  expect(await wire.answer('other', 'get')).toMatchObject({ code: 404 });

  clock.advance(499);
  expect(await wire.answer('lamp', 'get', { clientToken: 't' })).toEqual(tooMany);
  clock.advance(1);
  for (let count = 0; count < 10; count++) {
    expect(await wire.answer('lamp', 'get')).toMatchObject({ version: 10 });
  }
  expect(await wire.answer('lamp', 'get', { clientToken: 't' })).toEqual(tooMany);
});

it('says everything late when it is told to, has done it by then, and counts it as in flight', async () => {
  const clock = new SimulatedClock();
  const core = await startCore({ clock });
  const wire = await ShadowWire.open(core, 'wire');
  core.faults.delayShadows(5_000);
  for (let count = 0; count < 10; count++) wire.send('lamp', 'update', desired(count));
  await core.when(() => core.shadows.get({ thingName: 'lamp' })?.version === 10);
  wire.send('lamp', 'get', { clientToken: 'eleventh' });
  await core.when(() => core.received.length === 11);
  core.faults.delayShadows(0);
  expect(await wire.answer('lamp', 'get', { clientToken: 'twelfth' })).toMatchObject({ code: 429 });
  clock.advance(4_999);
  expect(wire.heard).toHaveLength(1);
  clock.advance(1);
  await wire.until(() => wire.heard.length === 1 + 30 + 1);
  expect(wire.heard.at(-1)?.text).toContain('"code":429');
  expect(await wire.answer('lamp', 'get')).toMatchObject({ version: 10 });
});

it('leaves nothing behind when it stops before it has said what is late', async () => {
  const core = await startCore();
  const wire = await ShadowWire.open(core, 'wire');
  core.faults.delayShadows(60_000);
  wire.send('lamp', 'update', desired(1));
  await core.when(() => core.shadows.get({ thingName: 'lamp' }) !== undefined);
  await core.stop();
  expect(core.shadows.get({ thingName: 'lamp' })).toMatchObject({ version: 1 });
  const update = (): unknown => core.shadows.update({ thingName: 'lamp' }, { state: {} });
  expect(update).toThrow(expect.objectContaining({ code: 'CLOSED' }));
});

it('refuses with any code, as often as it is told to, with AWS’s words or others, and does nothing', async () => {
  const core = await startCore();
  const wire = await ShadowWire.open(core, 'wire');
  core.faults.failShadows({ code: 500, times: 1 });
  expect(await wire.ask('lamp', 'update', { ...desired(1), clientToken: 't' })).toEqual([
    'update/rejected {"code":500,"message":"Internal service failure","clientToken":"t"}',
  ]);
  expect(await wire.answer('lamp', 'get')).toMatchObject({ code: 404 });

  core.faults.failShadows({ code: 403, message: 'No' });
  for (const operation of ['get', 'update', 'delete']) {
    expect(await wire.answer('lamp', operation, '{"state":{}}')).toEqual({ code: 403, message: 'No' });
  }
  const { status, text } = await ask('GET', `${core.httpUrl}/things/lamp/shadow`);
  expect([status, text]).toEqual([403, '{"message":"No"}']);
  expect(core.shadows.update({ thingName: 'lamp' }, { state: {} })).toMatchObject({ version: 1 });
  core.faults.failShadows({ times: 0 });
  expect(await wire.answer('lamp', 'get')).toMatchObject({ version: 1 });
});

it.each([
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [413, 'The payload exceeds the maximum size allowed'],
  [429, 'TOO_MANY_REQUESTS'],
])('knows what AWS says with %i', async (code, message) => {
  const core = await startCore();
  const wire = await ShadowWire.open(core, 'wire');
  core.faults.failShadows({ code });
  expect(await wire.answer('lamp', 'get')).toEqual({ code, message });
});

it('loses answers, and nothing else', async () => {
  const core = await startCore();
  const wire = await ShadowWire.open(core, 'wire');
  core.faults.loseShadowAnswers({ times: 2 });
  wire.send('lamp', 'update', desired(1));
  wire.send('lamp', 'get', '');
  await wire.answer('lamp', 'get');
  expect(wire.heard.map(({ rest }) => rest)).toEqual(['update/delta', 'update/documents', 'get/accepted']);
});

it.each<[string, (faults: Awaited<ReturnType<typeof startCore>>['faults']) => void]>([
  ['delayMs', (faults) => faults.delayShadows(-1)],
  ['code', (faults) => faults.failShadows({ code: 200 })],
  ['times', (faults) => faults.failShadows({ code: 500, times: Number.NaN })],
  ['times', (faults) => faults.loseShadowAnswers({ times: -1 })],
])('refuses a %s that cannot be', async (field, set) => {
  const { faults } = await startCore();
  expect(() => set(faults)).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(`${field} must be`),
    }),
  );
});
