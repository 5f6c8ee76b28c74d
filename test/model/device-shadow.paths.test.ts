import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import type { DeviceShadowContext, ShadowOutcome } from '../../src/machines/index.ts';
import {
  coverageOf,
  deviceShadowModel,
  type ModelEvent,
  pathsOf,
  placeOf,
  type Subject,
  type TestStep,
} from '../../src/testing/index.ts';
import { ShadowOnBroker } from './shadow-on-broker.ts';

const MESSAGES: readonly string[] = [
  'document.received',
  'documents.received',
  'update.accepted',
  'delta.received',
];

/** What a client can be made to do, or to be told. */
function isInTheWorld(event: ModelEvent, snapshot: AnyMachineSnapshot): boolean {
  const place = placeOf(snapshot);
  const { watched, hasDelta } = snapshot.context as DeviceShadowContext;
  const isUp = /asking|retrying|synced/.test(place);
  const { documents } = (event['watched'] ?? {}) as { readonly documents?: boolean };
  // Nobody waits for handlers that were taken away.
  if (place.includes('unwatched'))
    return event.type === (place.includes('offering') ? 'delta.handled' : 'watch') && documents !== true;
  if (MESSAGES.includes(event.type))
    return isUp && (event.type !== 'documents.received' || watched.documents);
  switch (event.type) {
    case 'watch':
      if (place.includes('refused')) return documents === watched.documents;
      return place.includes('synced') && documents !== watched.documents;
    case 'unwatch':
      return !watched.documents;
    case 'topics.granted':
      return place.includes('subscribing') || place.includes('refused');
    case 'topics.refused':
      return !place.includes('refused');
    case 'line.lost':
      return isUp || place.includes('refused');
    case 'handler.added':
      return isUp && hasDelta;
    case 'shadow.deleted':
      return isUp;
    case 'xstate.done.actor.get':
      return isAnswer(event, snapshot);
    default:
      return true;
  }
}

/** The client tells the document of an answer first, or that there is none: what that says of the delta is another step. */
function isAnswer({ output }: ModelEvent, snapshot: AnyMachineSnapshot): boolean {
  const { outcome } = output as { readonly outcome: ShadowOutcome };
  const { hasDelta, versions } = snapshot.context as DeviceShadowContext;
  const hasNoDelta = placeOf(snapshot).includes('delta.none') && !hasDelta;
  if (outcome.type === 'accepted') return hasNoDelta;
  const isMissing = outcome.type === 'rejected' && outcome.error.reasonCode === 404;
  return !isMissing || (hasNoDelta && versions.copy === undefined);
}

const model = deviceShadowModel();
const paths = pathsOf(model, { filter: isInTheWorld });

describe('the device shadow machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const denied = new Set<string>();
  const coverage = coverageOf(model);

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

  paths.forEach((path, index) => {
    test(`path ${index}: ${path.description}`, () =>
      path.test(subjectOn(core, denied, `shadow-${index}`, coverage.observe)));
  });

  test('every state was entered and every transition taken', () => {
    console.log(String(coverage));
    coverage.expectAll();
  });
});

/** A shadow of a device of this name, for one path. */
function subjectOn(
  core: LocalIotCore,
  denied: Set<string>,
  clientId: string,
  observe: (event: InspectionEvent) => void,
): Subject {
  const shadow = new ShadowOnBroker(core, denied, clientId, observe);
  let isWatchedAnew = false;
  return {
    perform: (event, { from }) => {
      isWatchedAnew = event.type === 'watch' && placeOf(from).includes('refused');
      return shadow.perform(event);
    },
    state: () => shadow.state,
    // Topics that are held already are granted at once.
    accepts: ({ value }, is) => {
      const expected = JSON.stringify(value);
      return is === expected || (isWatchedAnew && is === expected.replace('subscribing', 'asking'));
    },
    check: (step) => expectOnBroker(shadow, step),
    end: () => shadow.abandon(),
  };
}

/** What the broker must see in a state: claims of its own. */
function expectOnBroker({ held, context }: ShadowOnBroker, { from, state }: TestStep): void {
  // What was refused is held no more, so it was the machine alone that was told of a grant.
  if (placeOf(from).includes('refused') || !/asking|retrying|synced/.test(placeOf(state))) return;
  const documents = context.watched.documents ? ['update/documents'] : [];
  expect([...held].sort()).toEqual(['+/accepted', '+/rejected', 'update/delta', ...documents]);
}
