import { createActor } from 'xstate';
import type { DeviceShadowActorRef } from '../machines/device-shadow.types.ts';
import { shadowOperationMachine } from '../machines/shadow-operation.machine.ts';
import type { ShadowOutcome } from '../machines/shadow-operation.types.ts';
import type { Clock } from '../protocol/clock.ts';
import { IotError } from '../protocol/errors.ts';
import type { ShadowOperationKind } from '../protocol/shadow-topics.ts';
import type { AcceptedAnswer, ShadowRequest, ShadowRequests } from './shadow-requests.ts';
import type { ShadowCallOptions } from './shadow.ts';

type Body = Parameters<ShadowRequests['create']>[1];

/** Runs the requests that an app makes, each as an actor below that of the shadow, and turns their ends into promises. */
export class ShadowCalls {
  readonly #actor: DeviceShadowActorRef;
  readonly #requests: ShadowRequests;
  readonly #isPersistent: boolean;
  readonly #clock: Clock;
  /** How to end each that has not ended. */
  readonly #open = new Set<(error: IotError) => void>();
  #made = 0;

  constructor(
    actor: DeviceShadowActorRef,
    requests: ShadowRequests,
    { isPersistent, clock }: { readonly isPersistent: boolean; readonly clock: Clock },
  ) {
    this.#actor = actor;
    this.#requests = requests;
    this.#isPersistent = isPersistent;
    this.#clock = clock;
  }

  /** Options and body are checked; the signal has not been aborted. */
  run(kind: ShadowOperationKind, body: Body, options: ShadowCallOptions): Promise<AcceptedAnswer> {
    const request = this.#requests.create(kind, body, this.#isPersistent);
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs, waitForConnection } = options;
      this.#made += 1;
      const operation = createActor(shadowOperationMachine, {
        // Costs the same however many there are, as a child that its parent spawns does not.
        parent: this.#actor,
        id: `${kind}-${this.#made}`,
        clock: this.#clock,
        input: {
          ports: request.ports,
          kind,
          keepsTopics: this.#isPersistent,
          parent: this.#actor,
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
          ...(waitForConnection === undefined ? {} : { waitForConnection }),
        },
      });
      const abort = (error: IotError): void => operation.send({ type: 'abort', error });
      const aborted = (): void =>
        abort(new IotError('ABORTED', `the ${kind} was aborted`, { cause: signal?.reason }));
      operation.on('operation.ended', ({ outcome }) => {
        this.#open.delete(abort);
        signal?.removeEventListener('abort', aborted);
        this.#requests.forget(request);
        if (outcome.type === 'aborted' && signal?.aborted) reject(signal.reason);
        else settle(request, outcome, resolve, reject);
      });
      this.#open.add(abort);
      signal?.addEventListener('abort', aborted);
      this.#actor.send({ type: 'operation.started' });
      operation.start();
    });
  }

  /** Ends all that are open. */
  close(error: IotError): void {
    for (const abort of [...this.#open]) abort(error);
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
