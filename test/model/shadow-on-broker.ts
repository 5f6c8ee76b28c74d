import type { AnyActorRef, AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { createIotClient, type IotClient, type Shadow } from '../../src/index.ts';
import type { LocalIotCore } from '../../src/local/index.ts';
import { actorOf, type DeviceShadowContext } from '../../src/machines/index.ts';
import { backoffDelay } from '../../src/protocol/backoff.ts';
import type { ModelEvent } from '../../src/testing/index.ts';
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
    return JSON.stringify((this.#actor.getSnapshot() as AnyMachineSnapshot).value);
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
    switch (event.type) {
      case 'watch':
        this.#watch(event['watched'] as { readonly documents: boolean });
        break;
      case 'unwatch':
        // What follows from it comes in turns of its own.
        for (const stop of this.#deltas.splice(0)) stop();
        return;
      case 'handler.added':
        this.#listen();
        break;
      case 'delta.handled':
      case 'delta.failed':
        for (const gate of this.#gates.splice(0)) event.type === 'delta.handled' ? gate.open() : gate.fail();
        break;
      case 'line.lost':
        await this.#lose(event);
        break;
      case 'topics.granted':
        await this.#grant(event);
        break;
      case 'topics.refused':
        await this.#refuse();
        break;
      case 'xstate.done.actor.get':
        await this.#answer(event);
        break;
      default:
        await this.#happen(event);
    }
    await turns();
  }

  async #happen(event: ModelEvent): Promise<void> {
    const message = messageOf(event);
    if (message !== undefined) await this.#say(message.topic, message.body);
    else if (event.type.includes('after.resync'))
      this.clock.fire(backoffDelay(RESYNC, this.context.failures - 1, () => 0));
    // What a client says of itself, and what its ports never do: the machine is told as if they had.
    else this.#actor.send(event);
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

  async #lose(event: ModelEvent): Promise<void> {
    if (this.state.includes('refused')) this.#actor.send(event);
    else if (this.#core.clients.some(({ clientId }) => clientId === this.clientId)) {
      const lost = this.client.when('backingOff');
      await this.#core.faults.dropConnections({ clientId: this.clientId });
      await lost;
    }
  }

  async #up(): Promise<void> {
    const { state } = this.client.status;
    if (state === 'idle') void this.client.connect().catch(() => undefined);
    else if (state === 'backingOff') this.client.networkOnline();
    await this.#core.when(() => this.#core.clients.some(({ clientId }) => clientId === this.clientId));
  }

  async #grant(event: ModelEvent): Promise<void> {
    // Topics that were refused are given back, so nothing grants them.
    if (this.state.includes('refused')) {
      this.#actor.send(event);
      return;
    }
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

  async #answer(event: ModelEvent): Promise<void> {
    const { outcome } = event['output'] as { readonly outcome: GetOutcome };
    const { type, version, error } = outcome;
    // Its topics are those of the shadow, which are granted already.
    if (type === 'failed') {
      this.#actor.send(event);
      return;
    }
    const own = this.#core.received.filter(({ topic }) => topic === `${this.#prefix}/get`).at(-1);
    const { clientToken } = JSON.parse(own?.payload.toString() ?? '{}') as { clientToken: string };
    if (version === undefined)
      await this.#say('get/rejected', { code: error?.reasonCode, message: 'x', clientToken });
    else await this.#say('get/accepted', { ...document(version, false), clientToken });
  }

  async #say(kind: string, body: object): Promise<void> {
    await this.#core.publish(`${this.#prefix}/${kind}`, JSON.stringify(body));
  }
}

interface GetOutcome {
  readonly type: string;
  readonly version?: number;
  readonly error?: { readonly reasonCode: number };
}

/** The message of the service that the machine hears of in this event. */
function messageOf(event: ModelEvent): { readonly topic: string; readonly body: object } | undefined {
  const { type, version, hasDelta } = event;
  if (typeof version !== 'number') return undefined;
  switch (type) {
    case 'document.received':
      return { topic: 'get/accepted', body: document(version, hasDelta === true) };
    case 'documents.received':
      return {
        topic: 'update/documents',
        body: { previous: null, current: document(version, false), timestamp: 1 },
      };
    case 'update.accepted':
      // Something is desired, so that no copy says that there is no delta.
      return {
        topic: 'update/accepted',
        body: { version, state: { desired: { v: version } }, timestamp: 1 },
      };
    case 'delta.received':
      return { topic: 'update/delta', body: { version, state: { v: version }, timestamp: 1 } };
    case 'shadow.deleted':
      return { topic: 'delete/accepted', body: { version, timestamp: 1 } };
    default:
      return undefined;
  }
}

function document(version: number, hasDelta: boolean): object {
  const state = hasDelta ? { desired: { v: version }, delta: { v: version } } : { desired: { v: version } };
  return { version, state, metadata: {}, timestamp: 1 };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}
