// Our client and those of AWS on one shadow of the local core, at once.
import { describe, expect, it } from 'vitest';

import type { ShadowState } from '../../src/index.ts';
import type { LocalIotCore, LocalShadowAddress } from '../../src/local/index.ts';
import type { JsonObject } from '../../src/protocol/shadow-state.ts';
import { ask } from '../local/http-request.ts';
import { consolePeer, deltaOf, documentsOf, type OurPeer, ourPeer, type Peer } from './shadow-peers.ts';
import type { Outcome, Request } from './shadow-script.ts';
import {
  CLASSIC,
  NAMED,
  type SdkPeer,
  type SdkShadow,
  SECOND_SDK,
  sdkPeer,
  startCore,
} from './shadow-sdks.ts';
import { IMPATIENT, Inbox, makeClient } from './support.ts';

interface Mixed extends SdkShadow {
  readonly sdk: string;
  readonly address: LocalShadowAddress;
  /**
   * How many requests it can make at once. The first SDK refuses the second one until the first is answered; of several that
   * IotShadowClientv2 is given at once it sometimes never sends some, and lets them time out.
   */
  readonly atOnce: number;
}

const MOST = 8;
const FIRST: Mixed = {
  sdk: 'aws-iot-device-sdk',
  program: 'shadows-v1',
  settings: { enableVersioning: false },
  address: CLASSIC,
  atOnce: 1,
};
const SECOND: readonly Mixed[] = SECOND_SDK.map((sdk, at) => ({
  ...sdk,
  address: at === 0 ? NAMED : CLASSIC,
  atOnce: at === 0 ? MOST : 1,
}));

interface Pair {
  readonly core: LocalIotCore;
  readonly ours: OurPeer;
  readonly theirs: SdkPeer;
}

async function start({ address, ...sdk }: Mixed): Promise<Pair> {
  const core = await startCore();
  const [ours, theirs] = await Promise.all([ourPeer(core, address), sdkPeer(core, address, sdk)]);
  return { core, ours, theirs };
}

/** A client of ours with nothing but the local copy. */
async function follower(core: LocalIotCore, { thingName, shadowName }: LocalShadowAddress) {
  const client = makeClient({ ...core.deviceOptions('follower'), ...IMPATIENT });
  await client.connect();
  const shadow = client.shadow(thingName, shadowName === undefined ? {} : { name: shadowName });
  const states = new Inbox<ShadowState<JsonObject>>();
  shadow.onState(states.put);
  await shadow.whenSynced();
  return { shadow, states };
}

const desire = (desired: JsonObject): Request => ({ operation: 'update', state: { desired } });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);
/** One key for each, so that a delta shows all updates before it. */
const keys = (count: number): JsonObject => Object.fromEntries(numbers(count).map((n) => [`key${n}`, n]));
const deltas = (count: number) => numbers(count).map((n) => ({ version: n, state: keys(n) }));
const deltasOf = (peer: Peer): unknown[] => peer.deltas.all.map(deltaOf);
const isAccepted = (outcome: Outcome): boolean => 'accepted' in outcome;

/** Our deltas may leave some out that newer ones replace; never go back. */
function expectForward(ours: OurPeer, last: number): void {
  const seen = ours.deltas.all.map(deltaOf);
  const versions = seen.map(({ version }) => version);
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  expect(seen).toEqual(seen.map(({ version }) => ({ version, state: keys(version) })));
  expect(versions.at(-1)).toBe(last);
}

const heardOf = (peer: Peer, last: number): Promise<unknown> =>
  peer.deltas.until((all) => all.some((body) => deltaOf(body).version === last));

describe.each([FIRST, ...SECOND])('our client and $sdk on one shadow', (mixed) => {
  it('both get the delta of each update, whichever of them made it, in order', async () => {
    const { ours, theirs } = await start(mixed);
    for (const n of numbers(6)) {
      const [writer, reader] = n % 2 === 1 ? [theirs, ours] : [ours, theirs];
      const request = desire({ [`key${n}`]: n });
      expect(await writer.ask(request)).toEqual({ accepted: { version: n, state: request.state } });
      await reader.deltas.count(n);
      await writer.deltas.count(n);
    }
    expect(deltasOf(ours)).toEqual(deltas(6));
    expect(deltasOf(theirs)).toEqual(deltas(6));

    // What is reported, too, is seen by the other one.
    await theirs.ask({ operation: 'update', state: { reported: keys(5) } });
    await ours.deltas.count(7);
    await ours.ask({ operation: 'update', state: { reported: { key6: 6 } } });
    expect(await theirs.ask({ operation: 'get' })).toEqual({
      accepted: { version: 8, state: { desired: keys(6), reported: keys(6) } },
    });
    expect(deltasOf(ours)).toEqual([...deltas(6), { version: 7, state: { key6: 6 } }]);
    expect(deltasOf(theirs)).toEqual(deltasOf(ours));
    expect(ours.shadow.state).toMatchObject({ version: 8, delta: undefined, synced: true });
    if (theirs.documents === undefined) return;
    await theirs.documents.count(8);
    expect(theirs.documents.all.map(documentsOf)).toEqual(ours.documents.all.map(documentsOf));
  });

  it('one hears all that the other one asks for at once', async () => {
    const { ours, theirs } = await start(mixed);
    await Promise.all(numbers(MOST).map((n) => ours.ask(desire({ [`key${n}`]: n }))));
    await heardOf(theirs, MOST);
    expect(deltasOf(theirs)).toEqual(deltas(MOST));
    await heardOf(ours, MOST);
    expectForward(ours, MOST);

    const { atOnce } = mixed;
    const more = numbers(atOnce).map((n) => theirs.ask(desire({ [`key${MOST + n}`]: MOST + n })));
    expect((await Promise.all(more)).filter(isAccepted)).toHaveLength(atOnce);
    await heardOf(ours, MOST + atOnce);
    expectForward(ours, MOST + atOnce);
  });

  it('nothing is lost when both write at once, and a third one follows them by what is accepted alone', async () => {
    const { core, ours, theirs } = await start(mixed);
    await ours.ask({ operation: 'update', state: { reported: {} } });
    const { states, shadow } = await follower(core, mixed.address);
    const gets = () =>
      core.received.filter(({ clientId, topic }) => clientId === 'follower' && topic.endsWith('/get'));
    expect(gets()).toHaveLength(1);

    const write = async (peer: Peer, name: string): Promise<void> => {
      for (const n of numbers(MOST)) {
        const outcome = await peer.ask({ operation: 'update', state: { reported: { [`${name}${n}`]: n } } });
        expect(outcome).toHaveProperty('accepted');
      }
    };
    await Promise.all([write(ours, 'ours'), write(theirs, 'theirs')]);
    const each = numbers(MOST).flatMap((n) => [
      [`ours${n}`, n],
      [`theirs${n}`, n],
    ]);
    const reported = Object.fromEntries(each) as JsonObject;
    const version = 1 + 2 * MOST;
    expect(await theirs.ask({ operation: 'get' })).toEqual({ accepted: { version, state: { reported } } });
    await states.until((all) => all.some((state) => state.version === version));
    expect(shadow.state).toMatchObject({ version, synced: true });
    expect(shadow.state.reported).toEqual(reported);
    expect(gets()).toHaveLength(1);
  });

  it('both see what the console and HTTP change, in the same way', async () => {
    const { core, ours, theirs } = await start(mixed);
    const { address } = mixed;
    const query = address.shadowName === undefined ? '' : `?name=${address.shadowName}`;
    const http = `${core.httpUrl}/things/${address.thingName}/shadow${query}`;
    const both = [ours, theirs];
    const heard = (count: number) => Promise.all(both.map(({ deltas: inbox }) => inbox.count(count)));

    core.shadows.update(address, { state: { desired: { from: 'console' } } });
    await heard(1);
    const update = { state: { desired: { from: 'HTTP' } }, version: 1 };
    expect(await ask('POST', http, JSON.stringify(update))).toMatchObject({ status: 200 });
    await heard(2);
    expect(await ask('POST', http, JSON.stringify(update))).toMatchObject({ status: 409 });
    const state = { desired: { from: 'HTTP' }, delta: { from: 'HTTP' } };
    for (const { ask: asks } of [...both, consolePeer(core, address)]) {
      expect(await asks({ operation: 'get' })).toEqual({ accepted: { version: 2, state } });
    }

    expect(await ask('DELETE', http)).toMatchObject({ status: 200 });
    for (const peer of both) expect(await peer.ask({ operation: 'get' })).toEqual({ nothing: true });
    core.shadows.update(address, { state: { desired: { from: 'console' } } });
    await heard(3);
    for (const peer of both) {
      expect(deltasOf(peer)).toEqual([
        { version: 1, state: { from: 'console' } },
        { version: 2, state: { from: 'HTTP' } },
        { version: 4, state: { from: 'console' } },
      ]);
    }
    const documents = both.flatMap(({ documents: inbox }) => (inbox === undefined ? [] : [inbox]));
    for (const inbox of documents) {
      await inbox.count(3);
      expect(
        inbox.all.map(documentsOf).map(({ previous, current }) => [previous?.version, current.version]),
      ).toEqual([
        [undefined, 1],
        [1, 2],
        [undefined, 4],
      ]);
    }
  });
});

// The first SDK sends the version that it has heard of last, if it is told to; which it takes no notice of when it hears of
// nothing but its own requests.
const DEAF: Mixed = {
  ...FIRST,
  settings: { enableVersioning: true, persistentSubscribe: false, ignoreDeltas: true },
};

describe.each([DEAF, ...SECOND])('our client and $sdk as two writers', (mixed) => {
  it('each is refused when the other one was faster, and may try again', async () => {
    const { ours, theirs } = await start(mixed);
    const conflict = { rejected: { code: 409, message: 'Version conflict' } };
    const theirsFrom = (n: number, version: number): Promise<Outcome> =>
      theirs.ask({ ...desire({ n }), ...(mixed.program === 'shadows-v1' ? {} : { version }) });
    await ours.ask(desire({ n: 1 }));
    await theirs.ask({ operation: 'get' });
    await ours.ask({ ...desire({ n: 2 }), version: 1 });
    expect(await theirsFrom(3, 1)).toEqual(conflict);
    expect(await theirs.ask({ operation: 'get' })).toMatchObject({ accepted: { version: 2 } });
    expect(await theirsFrom(3, 2)).toMatchObject({ accepted: { version: 3 } });
    expect(await ours.ask({ ...desire({ n: 4 }), version: 2 })).toEqual(conflict);
    expect(
      await ours.shadow.update((current) => ({ desired: { n: Number(current?.state.desired?.['n']) + 1 } })),
    ).toMatchObject({ version: 4, state: { desired: { n: 4 } } });
  });
});

// Not the first SDK: between its get and its update it may hear of another version, which it takes for the one that was got.
describe.each(SECOND)('our client and $sdk as two writers', (mixed) => {
  it('count together without losing one', async () => {
    const { ours, theirs } = await start(mixed);
    await ours.ask(desire({ count: 0 }));
    let conflicts = 0;
    const theirsCounts = async (): Promise<void> => {
      const got = await theirs.ask({ operation: 'get' });
      const { version, state } = ('accepted' in got ? got.accepted : {}) as {
        readonly version: number;
        readonly state: { readonly desired: { readonly count: number } };
      };
      const outcome = await theirs.ask({ ...desire({ count: state.desired.count + 1 }), version });
      if (isAccepted(outcome)) return;
      expect(outcome).toMatchObject({ rejected: { code: 409 } });
      conflicts += 1;
      await theirsCounts();
    };
    const loops = [
      async () => {
        for (const _ of numbers(MOST)) await theirsCounts();
      },
      async () => {
        for (const _ of numbers(MOST)) {
          await ours.shadow.update((current) => ({
            desired: { count: Number(current?.state.desired?.['count']) + 1 },
          }));
        }
      },
    ];
    await Promise.all(loops.map((loop) => loop()));
    expect(await ours.ask({ operation: 'get' })).toMatchObject({
      accepted: { version: 1 + 2 * MOST, state: { desired: { count: 2 * MOST } } },
    });
    expect(conflicts).toBeLessThanOrEqual(MOST);
  });
});
