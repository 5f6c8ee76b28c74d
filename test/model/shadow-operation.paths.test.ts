import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import type { ShadowOperationContext } from '../../src/machines/index.ts';
import {
  coverageOf,
  type ModelEvent,
  pathsOf,
  placeOf,
  type Subject,
  type SubjectPath,
  shadowOperationModel,
  type TestPath,
} from '../../src/testing/index.ts';
import { RequestOnBroker, type RequestOptions } from './request-on-broker.ts';

/** Of these a client keeps nothing that would have to be released: the line is there, and the topics were granted. */
const RELEASES: readonly unknown[] = ['accepted', 'timedOut'];

/** What a client can be made to do. */
function pathsWith({ waitForConnection, keepsTopics }: RequestOptions): TestPath[] {
  const isInTheWorld = ({ type }: ModelEvent, snapshot: AnyMachineSnapshot): boolean => {
    const place = placeOf(snapshot);
    const isTimer = type.startsWith('xstate.after.');
    // A request is written in the step in which it may be: no time passes, and the line that is lost is another step's.
    if (place.endsWith('.publishing')) return !isTimer && !['line.lost', 'topics.refused'].includes(type);
    if (place.endsWith('.republishing')) return !isTimer && !type.startsWith('response.');
    // Without a wish to wait it asks the line once, when it begins.
    if (place === 'open.waiting' && !waitForConnection) return type.startsWith('line.');
    if (place !== 'unsubscribing') return true;
    return RELEASES.includes((snapshot.context as ShadowOperationContext).outcome?.type);
  };
  const model = shadowOperationModel({ kind: 'delete', waitForConnection, keepsTopics });
  return pathsOf(model, { filter: isInTheWorld });
}

describe('the shadow operation machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const denied = new Set<string>();
  const coverage = coverageOf(shadowOperationModel());
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
        pathsWith(options).forEach((path, index) => {
          test(`path ${index}: ${path.description}`, () => {
            made += 1;
            return path.test(subjectOn(core, denied, `asker-${made}`, options, coverage.observe));
          });
        });
      });
    }
  }

  test('every state was entered and every transition taken', () => {
    console.log(String(coverage));
    coverage.expectAll();
  });
});

/** One request of a device of this name, for one path. */
function subjectOn(
  core: LocalIotCore,
  denied: Set<string>,
  clientId: string,
  options: RequestOptions,
  observe: (event: InspectionEvent) => void,
): Subject {
  const request = new RequestOnBroker(core, denied, clientId, options, observe);
  return {
    begin: (path) => request.begin(path),
    perform: (event, step) => request.perform(event, step),
    state: () => request.state,
    accepts: ({ value }, is) => is === JSON.stringify(value) || isPassed(JSON.stringify(value), String(is)),
    check: ({ state }) => expectOnBroker(request, JSON.stringify(state.value)),
    end: async (path, failure) => {
      try {
        if (failure !== undefined) return;
        await request.settle();
        expectEnd(request, path);
      } finally {
        await request.abandon();
      }
    },
  };
}

/** States that a client goes through within one step: nothing keeps it there. */
function isPassed(expected: string, is: string): boolean {
  if (expected.includes('publishing')) return !/waiting|queueing|listening":"subscribing/.test(is);
  return expected.includes('unsubscribing') && is.includes('done');
}

/** What the broker must see in a state: claims of its own. */
function expectOnBroker(request: RequestOnBroker, state: string): void {
  if (state.includes('publishing')) return;
  if (/waiting|queueing|subscribing"/.test(state) && !state.includes('unsubscribing'))
    expect(request.asked).toBe(0);
  if (state.includes('sent')) expect(request.asked).toBeGreaterThan(0);
  if (state.includes('unsubscribing') || state.includes('done')) expect(request.ended).toBeDefined();
  else expect(request.ended).toBeUndefined();
}

function expectEnd({ ended, abortReason }: RequestOnBroker, { state }: SubjectPath): void {
  const { outcome } = state.context as ShadowOperationContext;
  if (outcome?.type === 'accepted') expect(ended).toEqual({ version: 7 });
  else if (outcome?.type === 'aborted') expect(ended).toEqual({ error: abortReason });
  else expect(ended).toMatchObject({ error: { code: outcome?.error.code ?? 'CLOSED' } });
}
