import type { AnyActorRef, EventObject, InspectionEvent } from 'xstate';
import { createIotClient, type IotClient, type Shadow } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import { actorOf, type DeviceShadowContext } from '../../src/machines/index.ts';
import { backoffDelay } from '../../src/protocol/backoff.ts';
import { Barrier } from './barrier.ts';
import { TimerByTimerClock } from './timer-by-timer-clock.ts';

const RESYNC = {
  baseMs: 1_000,
  maxMs: 60_000,
  stableMs: 120_000,
  jitter: 'equal',
  firstRetryWithinMs: 0,
} as const;

interface Gate {
  readonly open: () => void;
  readonly fail: () => void;
}

type ModelEvent = EventObject & Record<string, unknown>;

/**
 * A shadow of a real client on the local core, which answers nothing: what AWS would say is published by hand. SUBACKs stand still
 * until a path says what becomes of them, and handlers of deltas work until it says that they have done.
 */
export class ShadowOnBroker {
  readonly client: IotClient;
  readonly clock = new TimerByTimerClock();
  readonly clientId: string;
  readonly #core: LocalIotCore;
  readonly #denied: Set<string>;
  readonly #shadow: Shadow;
  readonly #actor: AnyActorRef;
  readonly #gates: Gate[] = [];
  #suback: Barrier;
  readonly #deltas: (() => void)[] = [];
  #documents: (() => void) | undefined;

  constructor(
    core: LocalIotCore,
    denied: Set<string>,
    clientId: string,
    onStep: (step: InspectionEvent) => void,
  ) {
    this.#core = core;
    this.#denied = denied;
    this.clientId = clientId;
    this.client = createIotClient({
      ...core.plainOptions(clientId),
      clock: this.clock,
      random: () => 0,
      reconnect: { jitter: 'none' },
    });
    this.client.on('handlerError', () => undefined);
    this.#suback = this.#barrier();
    this.#shadow = this.client.shadow(this.#thing);
    const actor = actorOf(this.client);
    this.#actor = (actor.getSnapshot().children as Record<string, AnyActorRef>)[
      `shadow/${this.#thing}`
    ] as AnyActorRef;
    actor.system.inspect((step) => {
      if (step.actorRef === this.#actor) onStep(step);
    });
  }

  get state(): string {
    return JSON.stringify((this.#actor.getSnapshot() as { value: unknown }).value);
  }

  get context(): DeviceShadowContext {
    return (this.#actor.getSnapshot() as { context: DeviceShadowContext }).context;
  }

  /** The filters that the broker has for the shadow. */
  get held(): string[] {
    const { subscriptions = [] } = this.#core.clients.find((one) => one.clientId === this.clientId) ?? {};
    return subscriptions.map(({ filter }) => filter.slice(`${this.#prefix}/`.length));
  }

  async reaches(isThere: (state: string) => boolean): Promise<void> {
    if (isThere(this.state)) return;
    await new Promise<void>((resolve) => {
      const watching = this.#actor.subscribe(() => {
        if (!isThere(this.state)) return;
        watching.unsubscribe();
        resolve();
      });
    });
  }

  /** Makes happen what the event of the model says. */
  async perform(event: ModelEvent): Promise<void> {
    const version = event['version'] as number;
    switch (event.type) {
      case 'watch':
        this.#watch(event['watched'] as { readonly documents: boolean });
        {
          await turns();
          return;
        }
      case 'unwatch':
        for (const stop of this.#deltas.splice(0)) stop();
        return;
      case 'handler.added':
        this.#listen();
        {
          await turns();
          return;
        }
      case 'line.lost': {
        await this.#lose();
        return;
      }
      case 'topics.granted': {
        await this.#grant();
        return;
      }
      case 'topics.refused': {
        await this.#refuse();
        return;
      }
      case 'document.received': {
        await this.#say('get/accepted', document(version, event['hasDelta'] === true));
        return;
      }
      case 'documents.received': {
        await this.#say('update/documents', {
          previous: null,
          current: document(version, false),
          timestamp: 1,
        });
        return;
      }
      case 'update.accepted': // Something is desired, so that no copy says that there is no delta.
        {
          await this.#say('update/accepted', {
            version,
            state: { desired: { v: version } },
            timestamp: 1,
          });
          return;
        }
      case 'delta.received': {
        await this.#say('update/delta', { version, state: { v: version }, timestamp: 1 });
        return;
      }
      case 'shadow.deleted': {
        await this.#say('delete/accepted', { version, timestamp: 1 });
        return;
      }
      case 'delta.handled':
      case 'delta.failed':
        for (const gate of this.#gates.splice(0)) event.type === 'delta.handled' ? gate.open() : gate.fail();
        {
          await turns();
          return;
        }
      case 'xstate.done.actor.get': {
        await this.#answer(
          event['output'] as { outcome: { version?: number; error?: { reasonCode: number } } },
        );
        return;
      }
      default:
        if (!event.type.includes('resync')) throw new Error(`the world has no ${event.type}`);
        this.clock.fire(backoffDelay(RESYNC, this.context.failures - 1, () => 0));
    }
  }

  async abandon(): Promise<void> {
    this.#suback.remove();
    for (const gate of this.#gates.splice(0)) gate.open();
    actorOf(this.client).stop();
    await this.#core.faults.dropConnections();
  }

  get #thing(): string {
    return `thing-of-${this.clientId}`;
  }

  get #prefix(): string {
    return `$aws/things/${this.#thing}/shadow`;
  }

  #barrier(): Barrier {
    return new Barrier(this.#core, { packet: 'suback', clientId: this.clientId });
  }

  #watch({ documents }: { readonly documents: boolean }): void {
    if (this.#deltas.length === 0) this.#listen();
    else if (this.state.includes('refused')) this.#shadow.onState(() => undefined)();
    if (documents) this.#documents ??= this.#shadow.onDocuments(() => undefined);
    else {
      this.#documents?.();
      this.#documents = undefined;
    }
  }

  #listen(): void {
    this.#deltas.push(
      this.#shadow.onDelta(
        () =>
          new Promise<void>((resolve, reject) => {
            this.#gates.push({ open: resolve, fail: () => reject(new Error('by the model')) });
          }),
      ),
    );
  }

  async #lose(): Promise<void> {
    if (this.#core.clients.some(({ clientId }) => clientId === this.clientId)) {
      const lost = this.client.when('backingOff');
      await this.#core.faults.dropConnections({ clientId: this.clientId });
      await lost;
    }
    await turns();
  }

  async #up(): Promise<void> {
    const { state } = this.client.status;
    if (state === 'idle') void this.client.connect().catch(() => undefined);
    else if (state === 'backingOff') this.client.networkOnline();
    await this.#core.when(() => this.#core.clients.some(({ clientId }) => clientId === this.clientId));
  }

  async #grant(): Promise<void> {
    await this.#up();
    this.#suback.remove();
    await this.reaches((state) => !state.includes('subscribing'));
    await turns();
    this.#suback = this.#barrier();
  }

  async #refuse(): Promise<void> {
    if (this.held.includes('update/delta')) {
      void this.client.unsubscribe(`${this.#prefix}/+/accepted`);
      await turns();
      return;
    }
    // The first filter may have been judged already; the last one was not asked yet.
    this.#denied.add(`${this.#prefix}/update/delta`);
    await this.#up();
    this.#suback.remove();
    await this.reaches((state) => state.includes('refused'));
    await turns();
    this.#suback = this.#barrier();
    this.#denied.delete(`${this.#prefix}/update/delta`);
  }

  async #answer({
    outcome,
  }: {
    outcome: { version?: number; error?: { reasonCode: number } };
  }): Promise<void> {
    const own = this.#core.received.filter(({ topic }) => topic === `${this.#prefix}/get`).at(-1);
    const { clientToken } = JSON.parse(own?.payload.toString() ?? '{}') as { clientToken: string };
    const { version, error } = outcome;
    if (version === undefined)
      await this.#say('get/rejected', { code: error?.reasonCode, message: 'x', clientToken });
    else await this.#say('get/accepted', { ...document(version, false), clientToken });
  }

  async #say(kind: string, body: object): Promise<void> {
    await this.#core.publish(`${this.#prefix}/${kind}`, JSON.stringify(body));
    await turns();
  }
}

function document(version: number, hasDelta: boolean): object {
  const state = hasDelta ? { desired: { v: version }, delta: { v: version } } : { desired: { v: version } };
  return { version, state, metadata: {}, timestamp: 1 };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}
