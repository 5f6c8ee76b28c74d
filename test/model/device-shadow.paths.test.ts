import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventObject, InspectionEvent } from 'xstate';
import { IotError, ShadowRejectedError } from '../../src/index.ts';
import { type LocalIotCore, NO_RATE_LIMITS, startLocalIotCore } from '../../src/local/index.ts';
import {
  type DeviceShadowContext,
  type DeviceShadowPorts,
  deviceShadowMachine,
  Handle,
} from '../../src/machines/index.ts';
import { createPathModel } from '../../src/testing/path-model.ts';
import { ShadowOnBroker } from './shadow-on-broker.ts';
import { takenIn, transitionsOf } from './transitions.ts';

type ModelEvent = EventObject & Record<string, unknown>;

const ports = new Handle<DeviceShadowPorts>({
  random: () => 0,
  openGet: () => new Handle({} as never),
} as never);
const document = new Handle({}) as never;
const done = (outcome: object): ModelEvent => ({ type: 'xstate.done.actor.get', output: { outcome } });
const rejected = (code: number) => ({
  type: 'rejected',
  error: new ShadowRejectedError('get', { code, message: 'x' }),
});

/** What may come in a state: of the versions only those that make a difference. */
function eventsIn(value: unknown, context: DeviceShadowContext): ModelEvent[] {
  const place = JSON.stringify(value);
  const { watched, versions, hasDelta } = context;
  const { copy } = versions;
  const newest = Math.max(
    0,
    ...[copy, versions.delta, versions.documents, context.seen].map((one) => one ?? 0),
  );
  const watch = (documents: boolean): ModelEvent => ({ type: 'watch', watched: { deltas: true, documents } });
  // Nobody waits for handlers that were taken away.
  if (place.includes('unwatched'))
    return [place.includes('offering') ? { type: 'delta.handled' } : watch(false)];
  const isUp = /asking|retrying|synced/.test(place);
  // More would only be the same again.
  const isFresh = newest < 4;
  return [
    ...(place.includes('refused') ? [watch(watched.documents)] : []),
    ...(place.includes('synced') ? [watch(!watched.documents)] : []),
    ...(watched.documents ? [] : [{ type: 'unwatch' }]),
    ...(place.includes('refused')
      ? []
      : [{ type: 'topics.refused', error: new IotError('SUBSCRIPTION_REFUSED', 'x') }]),
    ...(place.includes('subscribing') ? [{ type: 'topics.granted' }] : []),
    ...(isUp ? [{ type: 'line.lost' }] : []),
    ...(isUp && hasDelta ? [{ type: 'handler.added' }] : []),
    ...(isUp && isFresh ? messages(newest, context) : []),
    ...(place.includes('offering') ? [{ type: 'delta.handled' }, { type: 'delta.failed' }] : []),
    ...(place.includes('asking') ? answers(place, context) : []),
  ];
}

function messages(newest: number, { versions: { copy, delta }, watched }: DeviceShadowContext): ModelEvent[] {
  return [
    { type: 'document.received', version: newest + 1, hasDelta: false, document },
    { type: 'document.received', version: newest + 1, hasDelta: true, document },
    ...(delta !== undefined && delta === copy
      ? [{ type: 'document.received', version: delta, hasDelta: true, document }]
      : []),
    ...(watched.documents ? [{ type: 'documents.received', version: newest + 1, document }] : []),
    ...(copy === undefined ? [] : [{ type: 'update.accepted', version: copy + 1, document }]),
    { type: 'update.accepted', version: newest + 2, document },
    { type: 'delta.received', version: newest + 1, document },
    { type: 'shadow.deleted', version: newest },
    ...(copy === undefined ? [] : [{ type: 'shadow.deleted', version: 0 }]),
  ];
}

/** The client tells the document of an answer first, so the answer comes when the copy is what it says. */
function answers(place: string, { versions: { copy }, hasDelta }: DeviceShadowContext): ModelEvent[] {
  const refusal = done(rejected(500));
  if (!place.includes('"delta":"none"') || hasDelta) return [refusal];
  if (copy === undefined) return [refusal, done(rejected(404))];
  const before = copy > 1 ? [done({ type: 'accepted', version: copy - 1 })] : [];
  return [refusal, done({ type: 'accepted', version: copy }), ...before];
}

const model = createPathModel(deviceShadowMachine, {
  input: { ports },
  cover: 'transitions',
  abstract: ({ watched, versions, hasDelta, isDeltaNewer }: DeviceShadowContext) => [
    watched.documents,
    versions.copy === undefined,
    hasDelta,
    isDeltaNewer,
  ],
  payloads: ({ value, context }) => eventsIn(value, context),
});
type Path = ReturnType<typeof model.getShortestPaths>[number];

const placeOf = (state: unknown): string => JSON.stringify((state as { value: unknown }).value);

/** The steps of a path, each as the places before and after it and what came. */
function stepsOf({ steps }: Path): string[] {
  return steps.slice(1).map(({ event, state }, index) => {
    const { hasDelta, output } = event as ModelEvent;
    const outcome = (output as { outcome?: { type: string } } | undefined)?.outcome?.type;
    return [placeOf(steps[index]?.state), event.type, hasDelta, outcome, placeOf(state)].join(' ');
  });
}

/** Of all paths those that take a step that no longer one takes. */
function chosen(paths: readonly Path[]): Path[] {
  const taken = new Set<string>();
  return [...paths]
    .sort((a, b) => b.steps.length - a.steps.length)
    .filter((path) => {
      const steps = stepsOf(path);
      const isNew = steps.some((step) => !taken.has(step));
      for (const step of steps) taken.add(step);
      return isNew;
    });
}

/**
 * The ports of a client do not throw, and topics that were refused are given back, so nothing grants them. Paths lead from one
 * state to another: what leaves the state as it is, and what a client says itself after a message (`copy.uncertain`,
 * `delta.resolved`, that there is no shadow, that a request has begun or ended), is in the tests of the client; so is what
 * only three lines in a row show.
 */
const NOT_ON_THE_PATHS: readonly string[] = [
  'deviceShadow on actor.failed to nothing',
  'deviceShadow on operation.ended to nothing',
  'deviceShadow on operation.started to nothing',
  'deviceShadow on xstate.error.* to nothing',
  'deviceShadow.copy on documents.received to nothing',
  'deviceShadow.copy on update.accepted [follows] to nothing',
  'deviceShadow.copy.watched on xstate.error.actor.line to nothing',
  'deviceShadow.copy.watched on xstate.error.actor.topics to nothing',
  'deviceShadow.copy.watched.asking on copy.uncertain to nothing',
  'deviceShadow.copy.watched.asking on shadow.deleted to nothing',
  'deviceShadow.copy.watched.asking on xstate.done.actor.get [wasRefused] to deviceShadow.copy.watched.refused',
  'deviceShadow.copy.watched.asking on xstate.error.actor.get to deviceShadow.copy.watched.retrying',
  'deviceShadow.copy.watched.refused on line.lost to nothing',
  'deviceShadow.copy.watched.refused on topics.granted to deviceShadow.copy.watched.asking',
  'deviceShadow.copy.watched.subscribing on topics.granted [failsOften] to deviceShadow.copy.watched.retrying',
  'deviceShadow.copy.watched.synced on copy.uncertain to deviceShadow.copy.watched.asking',
  'deviceShadow.copy.watched.synced on shadow.deleted [hasNoCopy] to nothing',
  'deviceShadow.copy.watched.synced on shadow.deleted [saysMissing] to deviceShadow.copy.watched.asking',
  'deviceShadow.delta on delta.resolved [isResolved] to nothing',
  'deviceShadow.delta.offering on xstate.error.actor.offer to deviceShadow.delta.outstanding',
  'deviceShadow.delta.outstanding on document.received [isSameDelta] to deviceShadow.delta.offering',
];

describe('the device shadow machine, in a real client on a real broker', () => {
  let core: LocalIotCore;
  const denied = new Set<string>();
  const taken = new Set<string>();
  const watch = (step: InspectionEvent): void => takenIn(step, taken);

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

  chosen(model.getShortestPaths()).forEach((path, index) => {
    const events = path.steps.slice(1);
    const title = events
      .map(({ event }) => event.type.replace(/^xstate\.(after\.\w+|done)\..*/, '$1'))
      .join(', ');
    test(`path ${index}: ${title}`, async () => {
      const shadow = new ShadowOnBroker(core, denied, `shadow-${index}`, watch);
      try {
        for (const { event, state } of events) {
          await shadow.perform(event);
          const expected = placeOf(state);
          await shadow.reaches((is) => is === expected);
          expectOnBroker(shadow, expected);
        }
      } finally {
        await shadow.abandon();
      }
    });
  });

  test('every transition was taken, but for those that the world cannot take', () => {
    const all = transitionsOf(deviceShadowMachine.root);
    expect(all.filter((name) => !taken.has(name)).sort()).toEqual(NOT_ON_THE_PATHS);
  });
});

/** What the broker must see in a state: claims of its own. */
function expectOnBroker({ held, context }: ShadowOnBroker, state: string): void {
  if (!/asking|retrying|synced/.test(state)) return;
  const documents = context.watched.documents ? ['update/documents'] : [];
  expect([...held].sort()).toEqual(['+/accepted', '+/rejected', 'update/delta', ...documents]);
}
