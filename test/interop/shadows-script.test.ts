// One script for every client of a shadow, ours and those of AWS: each step must give the same to all of them.
import { describe, expect, it } from 'vitest';

import type { LocalShadowAddress } from '../../src/local/index.ts';
import { consolePeer, deltaOf, documentsOf, ourPeer, type Peer } from './shadow-peers.ts';
import { lifeOf, type Outcome, type Step } from './shadow-script.ts';
import { CLASSIC, FIRST_SDK, NAMED, type SdkCase, SECOND_SDK, sdkPeer, startCore } from './shadow-sdks.ts';

const LIFE_OF_CLASSIC = lifeOf(CLASSIC.thingName);
const LIFE_OF_NAMED = lifeOf(NAMED.shadowName);

/** What a client saw of a step. */
interface Seen {
  readonly what: string;
  readonly outcome: Outcome;
  readonly deltas: readonly unknown[];
  readonly documents: readonly unknown[];
}

const listOf = <T>(one: T | undefined): readonly T[] => (one === undefined ? [] : [one]);

/** What is to be seen of the steps, by a client that can have documents or not. */
function expected(steps: readonly Step[], { documents: inbox }: Peer): Seen[] {
  return steps.map(({ what, outcome, delta, documents }) => ({
    what,
    outcome,
    deltas: listOf(delta),
    documents: inbox === undefined ? [] : listOf(documents),
  }));
}

/** Does the steps. Somebody else does those in its place that the client cannot do, so that it sees at least what comes of them. */
async function perform(
  steps: readonly Step[],
  peer: Peer,
  inItsPlace: (what: string) => Pick<Peer, 'ask'> = () => peer,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  const heard = { deltas: 0, documents: 0 };
  for (const { what, request, delta, documents } of steps) {
    const outcome = await inItsPlace(what).ask(request);
    await peer.deltas.count(heard.deltas + listOf(delta).length);
    await peer.documents?.count(heard.documents + listOf(documents).length);
    const deltas = peer.deltas.all.slice(heard.deltas).map(deltaOf);
    const both = peer.documents?.all.slice(heard.documents).map(documentsOf) ?? [];
    heard.deltas += deltas.length;
    heard.documents += both.length;
    seen.push({ what, outcome, deltas, documents: both });
  }
  return seen;
}

const OURS = [true, false].flatMap((persistent) =>
  (['wildcard', 'exact'] as const).map((topics) => ({ persistent, topics })),
);

describe.each(OURS)('our client, persistent $persistent, topics $topics', (options) => {
  it.each([
    ['classic', CLASSIC, LIFE_OF_CLASSIC],
    ['named', NAMED, LIFE_OF_NAMED],
  ] as const)('goes through the life of a %s shadow', async (_kind, address, life) => {
    const peer = await ourPeer(await startCore(), address, options);
    expect(await perform(life, peer)).toEqual(expected(life, peer));
  });
});

describe('our client', () => {
  it('goes through the life of a shadow with all limits of AWS on, 20 requests a second too', async () => {
    const peer = await ourPeer(await startCore({}), CLASSIC);
    expect(await perform(LIFE_OF_CLASSIC, peer)).toEqual(expected(LIFE_OF_CLASSIC, peer));
  });
});

/** The SDK does all that it can, and the console the rest. */
async function performWith(sdk: SdkCase, address: LocalShadowAddress, steps: readonly Step[]): Promise<void> {
  const core = await startCore();
  const peer = await sdkPeer(core, address, sdk);
  const console = consolePeer(core, address);
  const seen = await perform(steps, peer, (what) => (what in sdk.cannot ? console : peer));
  expect(seen).toEqual(expected(steps, peer));
}

describe.each([...FIRST_SDK, ...SECOND_SDK])('$sdk', (sdk) => {
  it('sees the same of the life of a classic shadow, step by step', async () => {
    await performWith(sdk, CLASSIC, LIFE_OF_CLASSIC);
  });
});

// The first SDK has no named shadows.
describe.each(SECOND_SDK)('$sdk', (sdk) => {
  it('sees the same of the life of a named shadow, step by step', async () => {
    await performWith(sdk, NAMED, LIFE_OF_NAMED);
  });
});

describe('what an SDK cannot do', () => {
  it('is a step of the script', () => {
    const steps = new Set(LIFE_OF_CLASSIC.map(({ what }) => what));
    expect(steps.size).toBe(LIFE_OF_CLASSIC.length);
    for (const { cannot } of [...FIRST_SDK, ...SECOND_SDK]) {
      for (const what of Object.keys(cannot)) expect(steps).toContain(what);
    }
  });
});
