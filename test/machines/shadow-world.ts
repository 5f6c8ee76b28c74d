import { createActor } from 'xstate';
import {
  type DeviceShadowEvent,
  type DeviceShadowFact,
  type DeviceShadowPorts,
  deviceShadowMachine,
  Handle,
  type ShadowOperationPorts,
  type WatchedTopics,
} from '../../src/machines/index.ts';
import { IotError } from '../../src/protocol/errors.ts';
import { ShadowRejectedError } from '../../src/protocol/shadow-rejection.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { placeOf } from './support.ts';

/** Flat, so that merging and comparing take a line each: the rules of AWS are tested elsewhere. */
type Section = Readonly<Record<string, number>>;
type Change = Readonly<Record<string, number | null>>;
interface Sections {
  readonly desired: Section;
  readonly reported: Section;
}
interface Stored extends Sections {
  readonly version: number;
}
interface SectionsChange {
  readonly desired?: Change;
  readonly reported?: Change;
}

const merge = (section: Section, change: Change = {}): Section =>
  Object.fromEntries(
    Object.entries({ ...section, ...change }).filter((entry): entry is [string, number] => entry[1] !== null),
  );
const mergeBoth = ({ desired, reported }: Sections, change: SectionsChange): Sections => ({
  desired: merge(desired, change.desired),
  reported: merge(reported, change.reported),
});
export const deltaOf = ({ desired, reported }: Sections): Section | undefined => {
  const delta = Object.entries(desired).filter(([key, value]) => reported[key] !== value);
  return delta.length === 0 ? undefined : Object.fromEntries(delta);
};
const EMPTY: Sections = { desired: {}, reported: {} };

/** How the counter of versions goes on after a deletion. */
export type Rebirth = 'continues' | 'skips' | 'restarts';

type Random = () => number;

/** The shadow service, the network that mixes up its messages, and the side of the client that the machine leads. */
export class ShadowWorld {
  readonly clock = new SimulatedClock();
  readonly actor;
  readonly facts: DeviceShadowFact[] = [];
  readonly errors: unknown[] = [];
  /** What AWS has. */
  stored: Stored | undefined;
  /** What the client has. */
  copy: Sections | undefined;
  /** What the handler took last. */
  handled: { readonly version: number; readonly state: Section } | undefined;
  /** Messages and answers that are under way. */
  inFlight = 0;
  gets = 0;
  openGets = 0;
  offers = 0;
  mostOffers = 0;
  /** How long messages take at most. */
  latency = 30;
  /** How likely a get is lost, a message comes twice, a handler fails, and a merge is uncertain. */
  losses = 0;
  duplicates = 0;
  failures = 0;
  uncertainty = 0;
  held: WatchedTopics | undefined;
  isGranted = false;
  isUp = false;
  /** The handler's deltas are forgotten with the versions. */
  #newest: { readonly version: number; readonly state: Section } | undefined;
  #counter = 0;
  #session = 0;
  #tell:
    | ((
        fact:
          | { readonly type: 'topics.granted' }
          | { readonly type: 'topics.refused'; readonly error: IotError },
      ) => void)
    | undefined;
  readonly #lines = new Set<(fact: { readonly type: 'line.up' | 'line.lost' }) => void>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    const ports: DeviceShadowPorts = {
      watchLine: (listener) => this.#watchLine(listener),
      watchTopics: (topics, listener) => {
        this.held = topics;
        this.#tell = listener;
        this.#grant();
        return {
          change: (to) => {
            this.held = to;
            this.#grant();
          },
          release: () => {
            this.held = undefined;
            this.#tell = undefined;
          },
        };
      },
      openGet: () => new Handle(this.#getPorts()),
      offerDelta: () => this.#offer(),
      random,
    };
    this.actor = createActor(deviceShadowMachine, { clock: this.clock, input: { ports: new Handle(ports) } });
    this.actor.on('*', (fact) => this.#observe(fact));
    this.actor.subscribe({ error: (thrown) => this.errors.push(thrown) });
    this.actor.start();
  }

  get place(): string {
    return placeOf(this.actor.getSnapshot());
  }

  get isSynced(): boolean {
    return this.actor.getSnapshot().matches({ copy: { watched: 'synced' } });
  }

  send(event: DeviceShadowEvent): void {
    this.actor.send(event);
  }

  up(): void {
    if (this.isUp) return;
    this.isUp = true;
    this.#session += 1;
    for (const tell of [...this.#lines]) tell({ type: 'line.up' });
    this.#grant();
  }

  cut(): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.isGranted = false;
    this.#session += 1;
    for (const tell of [...this.#lines]) tell({ type: 'line.lost' });
  }

  update(change: SectionsChange): void {
    const previous = this.stored;
    const version = this.#nextVersion();
    const stored = { ...mergeBoth(previous ?? EMPTY, change), version };
    this.stored = stored;
    const document = (state: unknown) => new Handle({ state, version }) as never;
    this.#publish({ type: 'update.accepted', version, document: document(change) });
    if (this.held?.documents)
      this.#publish({ type: 'documents.received', version, document: document({ ...stored }) });
    const delta = deltaOf(stored);
    if (delta !== undefined && this.held?.deltas)
      this.#publish({ type: 'delta.received', version, document: document(delta) });
  }

  delete(rebirth: Rebirth): void {
    if (this.stored === undefined) return;
    const { version } = this.stored;
    this.stored = undefined;
    // A counter that begins anew is that of a shadow whose old messages have long come or been lost.
    const restarts = rebirth === 'restarts' && this.inFlight === 0 && !this.isGranted;
    this.#counter = restarts ? 0 : version + (rebirth === 'skips' ? 1 : 0);
    this.#publish({ type: 'shadow.deleted', version });
  }

  /** The app asks too. */
  get(): void {
    if (this.isUp) this.#later(() => this.#answer(() => undefined));
  }

  refuse(): void {
    const error = new IotError('SUBSCRIPTION_REFUSED', 'test');
    if (this.isUp) this.#tell?.({ type: 'topics.refused', error });
  }

  /** Lets time pass, and promises settle. */
  async advance(durationMs: number): Promise<void> {
    const end = this.clock.now() + durationMs;
    for (;;) {
      for (let turn = 0; turn < 6; turn++) await Promise.resolve();
      const next = this.clock.nextIn;
      if (next === undefined || this.clock.now() + next > end) break;
      this.clock.advance(next);
    }
    this.clock.advance(end - this.clock.now());
  }

  /** One that was made anew with the very version that is known is not to be told from the old one: left out here. */
  #nextVersion(): number {
    const next = (this.stored?.version ?? this.#counter) + 1;
    const known: unknown[] = Object.values(this.actor.getSnapshot().context.versions);
    return this.isGranted || !known.includes(next) ? next : next + 1;
  }

  #watchLine(listener: (fact: { readonly type: 'line.up' | 'line.lost' }) => void): () => void {
    const own = (fact: { readonly type: 'line.up' | 'line.lost' }): void => listener(fact);
    this.#lines.add(own);
    own({ type: this.isUp ? 'line.up' : 'line.lost' });
    return () => void this.#lines.delete(own);
  }

  #grant(): void {
    if (!this.isUp) return;
    const held = this.held;
    this.#later(() => {
      if (this.held !== held || held === undefined) return;
      this.isGranted = true;
      this.#tell?.({ type: 'topics.granted' });
    });
  }

  #getPorts(): ShadowOperationPorts {
    let answered: ((of: Stored | undefined) => void) | undefined;
    this.openGets += 1;
    return {
      watchLine: (listener) => {
        const end = this.#watchLine(listener);
        return () => {
          this.openGets -= 1;
          end();
        };
      },
      takeSlot: (taken) => {
        taken();
        return () => undefined;
      },
      listen: (listener) => {
        answered = (of) =>
          listener(
            of === undefined
              ? {
                  type: 'response.rejected',
                  error: new ShadowRejectedError('get', { code: 404, message: '' }),
                }
              : { type: 'response.accepted', version: of.version },
          );
        listener({ type: 'topics.granted' });
        return () => {
          answered = undefined;
        };
      },
      publish: (told) => {
        let isTaken = false;
        this.#later(() => {
          if (isTaken) return;
          this.gets += 1;
          told({ type: 'request.sent' });
          if (this.#random() >= this.losses) this.#later(() => this.#answer((of) => answered?.(of)));
        });
        return () => {
          isTaken = true;
        };
      },
      onReleased: (callback) => {
        callback();
        return () => undefined;
      },
    };
  }

  /** What it says is fixed now, and comes later. */
  #answer(told: (of: Stored | undefined) => void): void {
    const { stored } = this;
    this.#later(() => {
      if (stored === undefined) this.send({ type: 'shadow.deleted' });
      else {
        const { version } = stored;
        const hasDelta = deltaOf(stored) !== undefined;
        this.send({
          type: 'document.received',
          version,
          hasDelta,
          document: new Handle({ state: stored, version }) as never,
        });
      }
      told(stored);
    });
  }

  #publish(event: DeviceShadowEvent): void {
    if (!this.isGranted || this.held === undefined) return;
    this.#later(() => this.send(event));
    if (this.#random() < this.duplicates) this.#later(() => this.send(event));
  }

  /** Comes unless the line is lost meanwhile. */
  #later(then: () => void): void {
    const session = this.#session;
    this.inFlight += 1;
    this.clock.setTimeout(
      () => {
        this.inFlight -= 1;
        if (session === this.#session) then();
      },
      Math.floor(this.#random() * this.latency),
    );
  }

  async #offer(): Promise<void> {
    const newest = this.#newest;
    if (newest === undefined || this.handled?.version === newest.version) return;
    this.offers += 1;
    this.mostOffers = Math.max(this.mostOffers, this.offers);
    await new Promise<void>((resolve) => this.clock.setTimeout(resolve, Math.floor(this.#random() * 50)));
    this.offers -= 1;
    if (this.#random() < this.failures) throw new Error('test: the handler failed');
    this.handled = newest;
  }

  #observe(fact: DeviceShadowFact): void {
    this.facts.push(fact);
    switch (fact.type) {
      case 'copy.replaced':
        this.copy = opened<{ state: Sections }>(fact.document).state;
        this.#resolve();
        break;
      case 'copy.merged':
        this.#merge(opened<{ state: SectionsChange }>(fact.document).state);
        break;
      case 'copy.deleted':
        this.copy = undefined;
        this.#newest = undefined;
        this.handled = undefined;
        break;
      case 'delta.passed':
        this.#newest = deltaFrom(opened(fact.document));
        break;
      case 'delta.gone':
        this.#newest = undefined;
        break;
      default:
    }
  }

  #merge(change: SectionsChange): void {
    this.copy = mergeBoth(this.copy ?? EMPTY, change);
    if (this.#random() < this.uncertainty) {
      // What AWS made of it is something else.
      this.copy = { ...this.copy, reported: { wrong: 1 } };
      this.send({ type: 'copy.uncertain' });
    }
    this.#resolve();
  }

  #resolve(): void {
    const { copy } = this.actor.getSnapshot().context.versions;
    if (this.copy === undefined || copy === undefined || deltaOf(this.copy) !== undefined) return;
    this.send({ type: 'delta.resolved', version: copy });
  }
}

/** What is in a handle: in this world documents are flatter than AWS has them. */
export function opened<T>(handle: unknown): T {
  return Handle.open(handle as Handle<T>);
}

function deltaFrom({ state, version }: { state: Section | Sections; version: number }) {
  const isDocument = typeof state['desired'] === 'object';
  return { version, state: isDocument ? (deltaOf(state as Sections) ?? {}) : (state as Section) };
}
