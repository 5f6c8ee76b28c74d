// Two writers, this client and somebody else, who say anything: the copy ends as AWS has it.
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { IotError, type ShadowUpdate } from '../../src/index.ts';
import {
  deltaOf,
  isSameJson,
  type JsonObject,
  type SectionsChange,
} from '../../src/protocol/shadow-state.ts';
import { runs } from '../support/runs.ts';
import { sectionsChange } from '../unit/protocol/shadow-arbitraries.ts';
import { whenState } from './shadow-support.ts';
import { cutLine, freshId, liveClient, settled, useCore } from './support.ts';

const core = useCore({ limits: { shadowLevels: 8 } });

afterEach(() => {
  expect(Object.keys(Object.prototype)).toEqual([]);
});

type Step =
  | { readonly by: 'client' | 'other'; readonly change: SectionsChange }
  | { readonly by: 'client' | 'other'; readonly what: 'delete' }
  | { readonly what: 'wait' | 'cut' | 'get' };

const by = fc.constantFrom('client' as const, 'other' as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ by, change: sectionsChange }) },
  { weight: 1, arbitrary: fc.record({ by, what: fc.constant('delete' as const) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('wait' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('cut' as const, 'get' as const) }) },
);

/** What AWS refuses, because of what was there, and what was cut off: the copy must be right all the same. */
function ifItMayBe(error: unknown): void {
  const isExpected = IotError.is(error) && ['SHADOW_REJECTED', 'OUTCOME_UNKNOWN'].includes(error.code);
  if (!isExpected) throw error;
}

test('fault:H-17 sec:S-10 shadow.state is what the core has, the delta is what is desired and not reported, and no key escapes', async () => {
  const clientId = freshId();
  const client = await liveClient(core(), { clientId });
  let shadows = 0;
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
    const address = { thingName: `random-${shadows++}` };
    const shadow = client.shadow(address.thingName, { persistent: shadows % 2 === 0 });
    let newest: JsonObject | undefined;
    shadow.onDelta(({ state }) => {
      newest = state as JsonObject;
    });
    const calls: Promise<unknown>[] = [];
    const begin = (call: Promise<unknown>): void => void calls.push(call.catch(ifItMayBe));
    const perform = async (one: Step): Promise<void> => {
      if (!('by' in one)) {
        if (one.what === 'wait') await settled(8);
        else if (one.what === 'cut') await cutLine(core(), client, clientId);
        else begin(shadow.get({ waitForConnection: true }));
      } else if (one.by === 'client') {
        const options = { waitForConnection: true };
        const call =
          'what' in one
            ? shadow.delete(options)
            : shadow.update(one.change as ShadowUpdate<JsonObject>, options);
        begin(call);
      } else {
        begin(
          (async () =>
            'what' in one
              ? core().shadows.delete(address)
              : core().shadows.update(address, { state: one.change }))(),
        );
      }
    };
    for (const one of steps) await perform(one);
    await Promise.all(calls);
    const document = core().shadows.get(address);
    const { desired, reported } = document?.state ?? {};
    const state = await whenState(
      shadow,
      (is) =>
        is.synced &&
        is.version === document?.version &&
        isSameJson(is.desired, desired) &&
        isSameJson(is.reported, reported),
    );
    const delta = deltaOf(document?.state ?? {});
    expect(isSameJson(state.delta as JsonObject | undefined, delta)).toBe(true);
    expect(isSameJson(document?.state.delta, delta)).toBe(true);
    await settled(4);
    if (delta !== undefined) expect(isSameJson(newest, delta)).toBe(true);
    await shadow.close();
  });
  await fc.assert(property, { numRuns: runs(30, 300) });
});
