import { afterEach, expect } from 'vitest';
import { createActor } from 'xstate';
import {
  type DeviceShadowEvent,
  type DeviceShadowFact,
  type DeviceShadowPorts,
  deviceShadowMachine,
  Handle,
  type ListeningFact,
  type ShadowOperationPorts,
  type WatchedTopics,
} from '../../src/machines/index.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { rejected } from './shadow-operation-world.ts';
import { opened } from './shadow-world.ts';
import { placeOf } from './support.ts';

type Send = DeviceShadowEvent;

// What is in a document is of no meaning to the machine.
const document = (version: number) => new Handle({ version }) as never;
export const got = (version: number, hasDelta = false): Send => ({
  type: 'document.received',
  version,
  hasDelta,
  document: document(version),
});
export const updated = (version: number): Send => ({
  type: 'update.accepted',
  version,
  document: document(version),
});
export const documents = (version: number): Send => ({
  type: 'documents.received',
  version,
  document: document(version),
});
export const delta = (version: number): Send => ({
  type: 'delta.received',
  version,
  document: document(version),
});
export const deleted = (version: number): Send => ({ type: 'shadow.deleted', version });
export const missing: Send = { type: 'shadow.deleted' };
export const watch = (deltas = true, withDocuments = false): Send => ({
  type: 'watch',
  watched: { deltas, documents: withDocuments },
});
export const granted: Send = { type: 'topics.granted' };
export const lost: Send = { type: 'line.lost' };

/** A running shadow whose gets are answered, and whose handlers settle, when the test says so. */
function runShadow(over: Partial<DeviceShadowPorts> = {}) {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const held: string[] = [];
  const gets: ((fact: ListeningFact) => void)[] = [];
  const offers: { readonly take: () => Promise<void>; readonly fail: () => Promise<void> }[] = [];
  const counts = { lines: 0, topics: 0, openGets: 0 };
  const until = (kind: keyof typeof counts): (() => void) => {
    counts[kind] += 1;
    return () => {
      counts[kind] -= 1;
    };
  };
  const show = ({ deltas, documents: all }: WatchedTopics): string =>
    [deltas && 'deltas', all && 'documents'].filter(Boolean).join(' ');
  const getPorts = new Handle<ShadowOperationPorts>({
    watchLine: (listener) => {
      listener({ type: 'line.up' });
      return until('openGets');
    },
    takeSlot: (taken) => {
      taken();
      return () => undefined;
    },
    listen: (listener) => {
      gets.push(listener);
      listener({ type: 'topics.granted' });
      return () => undefined;
    },
    publish: (sent) => {
      sent({ type: 'request.sent' });
      return () => undefined;
    },
    onReleased: () => () => undefined,
  });
  const ports: DeviceShadowPorts = {
    watchLine: () => until('lines'),
    watchTopics: (topics) => {
      held.push(show(topics));
      return { change: (to) => held.push(show(to)), release: until('topics') };
    },
    openGet: () => getPorts,
    offerDelta: () =>
      new Promise((resolve, reject) => {
        offers.push({
          take: () => settled(resolve),
          fail: () => settled(() => reject(new Error('test: a handler failed'))),
        });
      }),
    random: () => 0,
    ...over,
  };
  const actor = createActor(deviceShadowMachine, { clock, input: { ports: new Handle(ports) } });
  actor.on('*', (fact: DeviceShadowFact) => {
    const version = 'document' in fact ? opened<{ version: number }>(fact.document).version : undefined;
    told.push([fact.type, version].filter(Boolean).join(' '));
  });
  actor.start();
  const send = (...events: Send[]): void => {
    for (const event of events) actor.send(event);
  };
  const answer = (fact: ListeningFact): void => gets.at(-1)?.(fact);
  return {
    actor,
    clock,
    held,
    counts,
    gets,
    offers,
    send,
    get context() {
      return actor.getSnapshot().context;
    },
    get place() {
      return placeOf(actor.getSnapshot());
    },
    /** What was told since it was last asked. */
    get told() {
      return told.splice(0);
    },
    /** The shadow's own get is answered: the document first, as a client does. */
    answer: (version: number, hasDelta = false) => {
      send(got(version, hasDelta));
      answer({ type: 'response.accepted', version });
    },
    answerMissing: () => {
      send(missing);
      answer(rejected(404, 'get'));
    },
    answerOnly: answer,
    /** Watched, and in step with AWS. */
    sync: (version: number, hasDelta = false, watched = watch()) => {
      send(watched, granted, got(version, hasDelta));
      answer({ type: 'response.accepted', version });
      told.splice(0);
    },
  };
}

async function settled(settle: () => void): Promise<void> {
  settle();
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}

/** Runs shadows for the tests of a file. After each test they are stopped: nothing may be held, and no timer run. */
export function useShadows(): (over?: Partial<DeviceShadowPorts>) => ReturnType<typeof runShadow> {
  const runs: ReturnType<typeof runShadow>[] = [];
  afterEach(() => {
    for (const it of runs.splice(0)) {
      expect(it.actor.getSnapshot().status).toBe('active');
      it.actor.stop();
      expect(it.counts.lines + it.counts.openGets, 'still used').toBe(0);
      expect(it.clock.pending).toBe(0);
    }
  });
  return (over) => {
    const it = runShadow(over);
    runs.push(it);
    return it;
  };
}
