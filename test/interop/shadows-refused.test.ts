// What the clients of a shadow cannot do, or may not.
import { describe, expect, it } from 'vitest';

import { ourPeer } from './shadow-peers.ts';
import { bytesOf, nested, type Request } from './shadow-script.ts';
import { CLASSIC, FIRST_SDK, type SdkCase, SECOND_SDK, sdkPeer, startCore } from './shadow-sdks.ts';

const update = (state: unknown): Request => ({
  operation: 'update',
  state: state as { desired: object } & null,
});
const titled = (sdks: readonly SdkCase[]): [string, SdkCase][] => sdks.map((sdk) => [sdk.sdk, sdk]);

const WITH_VERSIONING = FIRST_SDK.filter(({ settings }) => settings['enableVersioning']);
const FIRST = FIRST_SDK.slice(0, 1);
const NEWEST = SECOND_SDK.slice(1);

describe('each reason for which an SDK cannot do a step of the script is true', () => {
  it.each(titled(FIRST))('%s: update() takes no version', async (_name, sdk) => {
    const peer = await sdkPeer(await startCore(), CLASSIC, sdk);
    const request: Request = { operation: 'update', state: { desired: { n: 1 } }, version: 1 };
    expect(await peer.ask(request)).toEqual({ failed: 'refused' });
  });

  it.each(titled(WITH_VERSIONING))(
    '%s: what it deleted it cannot make anew, until it forgets it (py:H16)',
    async (_name, sdk) => {
      const peer = await sdkPeer(await startCore(), CLASSIC, sdk);
      const state = { desired: { n: 1 } };
      await peer.ask(update(state));
      expect(await peer.ask({ operation: 'delete' })).toEqual({ accepted: { version: 1 } });
      const conflict = { rejected: { code: 409, message: 'Version conflict' } };
      expect(await peer.ask(update(state))).toEqual(conflict);
      expect(await peer.ask(update(state))).toEqual(conflict);
      await peer.program.call('forget', CLASSIC);
      await peer.program.call('open', CLASSIC);
      expect(await peer.ask(update(state))).toEqual({ accepted: { version: 3, state } });
    },
  );

  it.each(titled(NEWEST))('%s: sends neither version 0 nor a state that is null', async (_name, sdk) => {
    const peer = await sdkPeer(await startCore(), CLASSIC, sdk);
    const state = { desired: { n: 1 } };
    for (const version of [1, 2]) {
      expect(await peer.ask({ ...update(state), version: 0 })).toEqual({ accepted: { version, state } });
    }
    const failed = expect.stringContaining('TypeError: Cannot read properties of null') as unknown;
    expect(await peer.ask(update(null))).toEqual({ failed });
  });
});

const tooLong = { text: 'x'.repeat(9_000) };
const INVALID_NODE = 'State contains an invalid node';

/** What AWS says to what no client may ask for. Ours says so itself, and sends nothing. */
const WRONG: readonly (readonly [string, object, number, string])[] = [
  ['nine levels', { desired: nested(9) }, 400, 'JSON contains too many levels of nesting; maximum is 6'],
  [
    ...(['more than 8 KB', { reported: tooLong }, 413] as const),
    `Json document too large.  Size is ${bytesOf(tooLong)}, max allowed: 8192`,
  ],
  ['null in an array', { desired: { list: [1, null] } }, 400, INVALID_NODE],
  ['null in an array in an array', { desired: { list: [[null]] } }, 400, INVALID_NODE],
  ['another section', { wanted: { n: 1 } }, 400, INVALID_NODE],
  ['desired state that is a text', { desired: 'on' }, 400, 'Desired node must be an object'],
  ['reported state that is an array', { reported: [1] }, 400, 'Reported node must be an object'],
];

describe('what no client may ask for', () => {
  it('is refused by ours before it is sent', async () => {
    const core = await startCore();
    const peer = await ourPeer(core, CLASSIC);
    for (const [what, state] of WRONG) {
      expect([what, await peer.ask(update(state))]).toEqual([what, { failed: 'INVALID_ARGUMENT' }]);
    }
    expect(core.received.filter(({ topic }) => topic.endsWith('/update'))).toEqual([]);
    expect(await peer.ask({ operation: 'get' })).toEqual({ nothing: true });
  });

  it.each(titled([...FIRST, ...SECOND_SDK]))('is sent by %s, and rejected', async (_name, sdk) => {
    const peer = await sdkPeer(await startCore(), CLASSIC, sdk);
    for (const [what, state, code, message] of WRONG) {
      expect([what, await peer.ask(update(state))]).toEqual([what, { rejected: { code, message } }]);
    }
    expect(await peer.ask({ operation: 'get' })).toEqual({ nothing: true });
    expect([peer.deltas.all, peer.documents?.all ?? []]).toEqual([[], []]);
  });
});
