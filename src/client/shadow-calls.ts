import { type Actor, createActor } from 'xstate';
import { withOutcome } from '../delivery/endings.ts';
import type { DeviceShadowActorRef, DeviceShadowEvent } from '../machines/device-shadow.types.ts';
import { type ShadowOperationMachine, shadowOperationMachine } from '../machines/shadow-operation.machine.ts';
import type { ShadowOutcome } from '../machines/shadow-operation.types.ts';
import type { Clock } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import type { ShadowOperationKind } from '../protocol/shadow-topics.ts';
import type { ShadowCallOptions } from './shadow.ts';
import type { AcceptedAnswer, ShadowRequest, ShadowRequests } from './shadow-requests.ts';

const SENT = { open: { engaged: { listening: 'sent' } } } as const;

type Body = Parameters<ShadowRequests['create']>[1];

interface ShadowCallsContext {
  /** The machine of the shadow. */
  readonly actor: DeviceShadowActorRef;
  readonly send: (event: DeviceShadowEvent) => void;
  readonly requests: ShadowRequests;
  readonly isPersistent: boolean;
  readonly clock: Clock;
}

/** Runs the requests that an app makes, each as an actor below that of the shadow, and turns their ends into promises. */
export class ShadowCalls {
  readonly #context: ShadowCallsContext;
  /** Those that have not ended, and those whose topics are not released yet. */
  readonly #open = new Set<Actor<ShadowOperationMachine>>();
  /** Numbers of requests that have ended. */
  readonly #free: number[] = [];
  #highest = 0;

  constructor(context: ShadowCallsContext) {
    this.#context = context;
  }

  /** Options and body are checked; the signal has not been aborted. */
  run(kind: ShadowOperationKind, body: Body, options: ShadowCallOptions): Promise<AcceptedAnswer> {
    const { requests, isPersistent } = this.#context;
    const request = requests.create(kind, body, isPersistent);
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const number = this.#free.pop() ?? ++this.#highest;
      const operation = this.#operation(`${kind}-${number}`, request, options);
      const aborted = (): void =>
        operation.send({
          type: 'abort',
          error: new IotError('ABORTED', `the ${kind} was aborted`, { cause: signal?.reason }),
        });
      operation.on('operation.ended', (fact) => {
        signal?.removeEventListener('abort', aborted);
        requests.forget(request);
        // Not to the parent by itself: when the client is closed that has ended, and must not be sent anything.
        this.#context.send(fact);
        const { outcome } = fact;
        if (outcome.type === 'aborted' && signal?.aborted) reject(signal.reason);
        else settle(request, outcome, resolve, reject);
      });
      operation.subscribe({
        complete: () => {
          this.#open.delete(operation);
          // XState remembers each type of event that a machine has heard, for ever, and this id is a part of one.
          this.#free.push(number);
        },
      });
      this.#open.add(operation);
      signal?.addEventListener('abort', aborted);
      this.#context.send({ type: 'operation.started' });
      operation.start();
    });
  }

  /** Ends all that are open. */
  close(error: IotError): void {
    for (const operation of [...this.#open]) {
      const snapshot = operation.getSnapshot();
      const isSent = snapshot.matches(SENT) && snapshot.context.kind !== 'get';
      operation.send({ type: 'abort', error: withOutcome(error, isSent) });
      // Nobody waits until its topics are released either.
      if (this.#open.has(operation)) operation.send({ type: 'abort', error });
    }
  }

  #operation(
    id: string,
    { kind, ports }: ShadowRequest,
    { timeoutMs, waitForConnection }: ShadowCallOptions,
  ): Actor<ShadowOperationMachine> {
    const { actor, clock, isPersistent } = this.#context;
    return createActor(shadowOperationMachine, {
      // Costs the same however many there are, as a child that its parent spawns does not.
      parent: actor,
      id,
      clock,
      input: {
        ports,
        kind,
        keepsTopics: isPersistent,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(waitForConnection === undefined ? {} : { waitForConnection }),
      },
    });
  }
}

function settle(
  request: ShadowRequest,
  outcome: ShadowOutcome,
  resolve: (answer: AcceptedAnswer) => void,
  reject: (error: IotError) => void,
): void {
  if (outcome.type !== 'accepted') reject(outcome.error);
  else if (request.answer !== undefined) resolve(request.answer);
  else reject(new IotError('INTERNAL', `the answer to the ${request.kind} is missing`));
}
