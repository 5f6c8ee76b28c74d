import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventObject, InspectionEvent } from 'xstate';
import { IotError, ShadowRejectedError } from '../../src/index.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import {
  Handle,
  type ShadowOperationContext,
  type ShadowOperationPorts,
  shadowOperationMachine,
} from '../../src/machines/index.ts';
import { createPathModel } from '../../src/testing/path-model.ts';
import { RequestOnBroker, type RequestOptions } from './request-on-broker.ts';
import { takenIn, transitionsOf } from './transitions.ts';

const rejected = (code: number): EventObject & { error: ShadowRejectedError } => ({
  type: 'response.rejected',
  error: new ShadowRejectedError('delete', { code, message: 'by the model' }),
});
const NOBODY = new Handle<ShadowOperationPorts>({ random: () => 0 } as never);

/** What the ports of a client do not do: throw, or refuse a request that was never written. */
const isInTheWorld = (type: string): boolean =>
  !type.startsWith('xstate.error') && type !== 'actor.failed' && type !== 'request.failed';

function pathsOf({ waitForConnection, keepsTopics }: RequestOptions) {
  const input = { ports: NOBODY, kind: 'delete', waitForConnection, keepsTopics } as const;
  const model = createPathModel(shadowOperationMachine, {
    input,
    cover: 'transitions',
    abstract: ({ throttledBy, outcome }: ShadowOperationContext) => [
      throttledBy === undefined,
      outcome?.type,
    ],
    payloads: ({ value }) => {
      const place = JSON.stringify(value);
      // A request is written in the step in which it may be: on a line that has room nothing else comes before it.
      if (place.includes('publishing')) return [{ type: 'request.sent' }];
      // Without a wish to wait it asks the line once, when it begins.
      if (place.includes('waiting') && !waitForConnection)
        return [{ type: 'line.up' }, { type: 'line.lost' }];
      return [
        { type: 'line.up' },
        { type: 'line.lost' },
        { type: 'slot.taken' },
        { type: 'topics.granted' },
        { type: 'topics.refused', error: new IotError('SUBSCRIPTION_REFUSED', 'by the model') },
        { type: 'topics.released' },
        { type: 'abort', error: new IotError('ABORTED', 'by the model') },
        { type: 'response.accepted', version: 7 },
        rejected(404),
        rejected(429),
        { type: 'response.uncorrelated', error: rejected(400).error },
      ].filter(({ type }) => isInTheWorld(type));
    },
  });
  return model
    .getShortestPaths()
    .filter(({ steps }) => steps.slice(1).every(({ event }) => isInTheWorld(event.type)))
    .filter(({ steps }) => !steps.some(({ event }, index) => isHeldUp(steps[index - 1], event)));
}

/** A deadline cannot pass in the midst of a step. */
function isHeldUp(
  before: { readonly state: { readonly value: unknown } } | undefined,
  { type }: EventObject,
): boolean {
  return JSON.stringify(before?.state.value ?? '').includes('publishing') && type !== 'request.sent';
}

/** The ports of a client do not throw, and write at once what they may write; what is wrong with it was found before. */
const BEYOND_THE_WORLD: readonly string[] = [
  'shadowOperation.open on actor.failed to shadowOperation.ended.failed',
  'shadowOperation.open on xstate.error.* to shadowOperation.ended.failed',
  'shadowOperation.open on xstate.error.actor.line to shadowOperation.ended.failed',
  'shadowOperation.open.engaged on xstate.error.actor.slot to shadowOperation.ended.failed',
  'shadowOperation.open.engaged.listening on request.failed to shadowOperation.ended.failed',
  'shadowOperation.open.engaged.listening on xstate.error.actor.listener to shadowOperation.ended.failed',
  'shadowOperation.open.engaged.listening.publishing on xstate.error.actor.publisher to shadowOperation.ended.failed',
  'shadowOperation.open.engaged.listening.sent.republishing on line.lost to shadowOperation.ended.rejected',
  'shadowOperation.open.engaged.listening.sent.republishing on xstate.error.actor.publisher to shadowOperation.ended.failed',
  'shadowOperation.unsubscribing on actor.failed to shadowOperation.done',
  'shadowOperation.unsubscribing on xstate.error.actor.releaser to shadowOperation.done',
];

const CODES: Readonly<Record<string, string>> = {
  rejected: 'SHADOW_REJECTED',
  failed: 'SUBSCRIPTION_REFUSED',
  timedOut: 'TIMEOUT',
  disconnected: 'DISCONNECTED',
  outcomeUnknown: 'OUTCOME_UNKNOWN',
};

describe('the shadow operation machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const denied = new Set<string>();
  const taken = new Set<string>();
  const watch = (step: InspectionEvent): void => takenIn(step, taken);
  let made = 0;

  beforeAll(async () => {
    core = await startLocalIotCore({
      plainPort: 0,
      limits: NO_RATE_LIMITS,
      authorize: ({ action, topic = '' }) => action !== 'subscribe' || !denied.has(topic),
      onWarning: () => undefined,
    });
    core.faults.loseShadowAnswers();
  });
  afterAll(() => core.stop());

  for (const waitForConnection of [false, true]) {
    for (const keepsTopics of [false, true]) {
      const options = { waitForConnection, keepsTopics };
      describe(`that ${waitForConnection ? 'waits' : 'does not wait'} for a line and ${keepsTopics ? 'keeps' : 'releases'} its topics`, () => {
        pathsOf(options).forEach((path, index) => {
          const events = path.steps.slice(1);
          const title = events
            .map(({ event }) => event.type.replace(/^xstate\.(after\.\w+)\..*/, '$1'))
            .join(', ');
          test(`path ${index}: ${title}`, async () => {
            made += 1;
            const request = new RequestOnBroker(core, denied, `asker-${made}`, options, watch);
            try {
              await request.begin({ hasLine: events[0]?.event.type === 'line.up' });
              for (const { event, state } of events) {
                if (event.type === 'topics.refused' && request.state.includes('subscribing')) request.deny();
                await request.perform(event);
                const expected = JSON.stringify(state.value);
                await request.reaches((is) => is === expected || isPassed(expected, is));
                expectOnBroker(request, expected);
              }
              const { outcome } = path.state.context as ShadowOperationContext;
              await request.settle();
              expectEnd(request, outcome?.type);
            } finally {
              await request.abandon();
            }
          });
        });
      });
    }
  }

  test('every transition was taken, but for those that the world cannot take', () => {
    const all = transitionsOf(shadowOperationMachine.root);
    expect(all.filter((name) => !taken.has(name)).sort()).toEqual(BEYOND_THE_WORLD);
  });
});

/** States that a client goes through within one step: nothing keeps it there. */
function isPassed(expected: string, is: string): boolean {
  if (expected.includes('republishing')) return is.includes('pending');
  if (expected.includes('publishing')) return is.includes('sent');
  return expected.includes('unsubscribing') && is.includes('done');
}

/** What the broker must see in a state: claims of its own. */
function expectOnBroker(request: RequestOnBroker, state: string): void {
  if (/waiting|queueing|subscribing"/.test(state) && !state.includes('unsubscribing'))
    expect(request.asked).toBe(0);
  if (state.includes('sent')) expect(request.asked).toBeGreaterThan(0);
  if (state.includes('unsubscribing') || state.includes('done')) expect(request.ended).toBeDefined();
  else expect(request.ended).toBeUndefined();
}

function expectEnd({ ended, abortReason }: RequestOnBroker, outcome: string | undefined): void {
  if (outcome === 'accepted') expect(ended).toEqual({ version: 7 });
  else if (outcome === 'aborted') expect(ended).toEqual({ error: abortReason });
  else expect(ended).toMatchObject({ error: { code: outcome === undefined ? 'CLOSED' : CODES[outcome] } });
}
