import {
  type Actor,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type InspectionEvent,
} from 'xstate';
import { IotError } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { ModelEvent } from './graph.ts';
import { checkModel, type MachineModel } from './machine-model.ts';
import { SimulatedClock } from './simulated-clock.ts';
import type { Subject } from './subject.ts';

/** How an actor is watched. */
export interface ActorSubjectOptions {
  /** Is given every inspection event, as `coverageOf(model).observe` takes them. Default: nobody. */
  readonly inspect?: (event: InspectionEvent) => void;
}

/**
 * The machine of a model as a subject, for tests of what an app shows or does in each of its states: a new actor for each
 * path, on a clock that stands. Every event of the path is sent to it, timers and the ends of invoked actors too. Say in a
 * class of your own what is looked at:
 *
 * ```ts
 * class Badge extends ActorSubject<ConnectionMachine> {
 *   override state = () => renderToStaticMarkup(createElement(ConnectionBadge, { connection: this.actor }));
 *   accepts = (model: AnyMachineSnapshot, shown: unknown) =>
 *     String(shown).includes('offline') === model.matches('backingOff');
 * }
 * ```
 */
export class ActorSubject<M extends AnyStateMachine> implements Subject {
  readonly #model: MachineModel<M>;
  readonly #options: ActorSubjectOptions;
  #actor: Actor<M> | undefined;

  /** @throws {IotError} `INVALID_ARGUMENT` */
  constructor(model: MachineModel<M>, options: ActorSubjectOptions = {}) {
    checkModel(model);
    checkFields('options', options, ['inspect']);
    this.#model = model;
    this.#options = options;
  }

  /** The actor of the path that is gone just now. Throws when there is none. */
  get actor(): Actor<M> {
    if (this.#actor !== undefined) return this.#actor;
    throw new IotError('INVALID_ARGUMENT', 'actor: there is one only while a path is gone');
  }

  /** Starts the actor. */
  begin(): void {
    const { machine, input } = this.#model;
    const options = { input, clock: new SimulatedClock(), ...this.#options };
    this.#actor = createActor<M>(machine, options);
    this.#actor.start();
  }

  /** Sends it the event. */
  perform(event: ModelEvent): unknown {
    this.actor.send(event as never);
    return undefined;
  }

  /** The value of its state. */
  state(): unknown {
    return (this.actor.getSnapshot() as AnyMachineSnapshot).value;
  }

  /** Stops it. */
  end(): void {
    this.#actor?.stop();
    this.#actor = undefined;
  }
}
