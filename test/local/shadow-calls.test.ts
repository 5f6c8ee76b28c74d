import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import { ShadowRejectedError } from '../../src/protocol/shadow-rejection.ts';
import { ShadowWire } from './shadow-wire.ts';

let core: LocalIotCore;
let things = 0;
let thingName: string;

beforeAll(async () => {
  core = await startLocalIotCore({ plainPort: 0, limits: { ...NO_RATE_LIMITS, shadowRequestsPerSecond: 1 } });
});
afterAll(() => core.stop());
beforeEach(() => {
  things += 1;
  thingName = `thing-${things}`;
});

describe('core.shadows', () => {
  it('updates, gets, lists and deletes, without a rate', () => {
    const address = { thingName, shadowName: 'night' };
    expect(core.shadows.get(address)).toBeUndefined();
    expect(core.shadows.update(address, { state: { desired: { a: 1 } }, clientToken: 't' })).toMatchObject({
      state: { desired: { a: 1 } },
      version: 1,
      clientToken: 't',
    });
    core.shadows.update(address, { state: { reported: { a: null } }, version: 1 });
    expect(core.shadows.get(address)).toMatchObject({
      state: { desired: { a: 1 }, delta: { a: 1 } },
      version: 2,
      timestamp: expect.any(Number) as number,
    });
    expect(core.shadows.list(thingName)).toEqual(['night']);
    expect(core.shadows.get({ thingName, shadowName: undefined })).toBeUndefined();
    expect(core.shadows.delete(address, { clientToken: 'd' })).toMatchObject({
      version: 2,
      clientToken: 'd',
    });
    expect(core.shadows.list(thingName)).toEqual([]);
  });

  it('tells devices what it changes, and nobody that it looks or was refused', async () => {
    const wire = await ShadowWire.open(core, 'wire');
    core.shadows.get({ thingName });
    expect(() => core.shadows.delete({ thingName })).toThrow();
    core.shadows.update({ thingName }, { state: { desired: { a: 1 } } });
    core.shadows.get({ thingName });
    core.shadows.delete({ thingName });
    await wire.until(() => wire.heard.some(({ rest }) => rest === 'delete/accepted'));
    expect(wire.heard.map(({ rest }) => rest)).toEqual([
      'update/delta',
      'update/documents',
      'update/accepted',
      'delete/accepted',
    ]);
    await wire.client.endAsync(true);
  });

  it('throws what AWS would refuse, as the client does', () => {
    const refused = (): unknown => core.shadows.update({ thingName }, { state: {}, version: 7 });
    expect(refused).toThrow(ShadowRejectedError);
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'SHADOW_REJECTED',
        reasonCode: 400,
        operation: 'update',
        message: 'the update was rejected: 400 "Invalid version"',
      }),
    );
  });

  it.each<[string, () => unknown]>([
    ['address', () => core.shadows.get(undefined as never)],
    ['thingName', () => core.shadows.get({ thingName: 'a/b' })],
    ['name', () => core.shadows.get({ thingName: 'a', shadowName: '' })],
    ['thingName', () => core.shadows.list('+')],
    ['request', () => core.shadows.update({ thingName: 'a' }, undefined as never)],
    ['request', () => core.shadows.update({ thingName: 'a' }, { state: { desired: { a: 1n } } } as never)],
  ])('says that %s is wrong', (field, call) => {
    expect(call).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(`${field} must be`),
      }),
    );
  });

  it('hands out copies, and takes them', () => {
    const desired = { list: [1] };
    core.shadows.update({ thingName }, { state: { desired } });
    desired.list.push(2);
    const shown = core.shadows.get({ thingName }) as unknown as { state: { desired: { list: number[] } } };
    shown.state.desired.list.push(3);
    expect(core.shadows.get({ thingName })?.state.desired).toEqual({ list: [1] });
  });
});
