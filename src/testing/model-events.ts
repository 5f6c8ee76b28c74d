import type { AnyMachineSnapshot } from 'xstate';
import { IotError, type IotErrorCode } from '../protocol/errors.ts';

import type { ModelEvent } from './graph.ts';
import { placeOf } from './place-of.ts';

/** An error as the events of a model carry it. */
export const errorOf = (code: IotErrorCode): IotError => new IotError(code, 'made by the model');

/** An invoked actor has thrown. */
export const broke = (actor: string): ModelEvent => ({
  type: `xstate.error.actor.${actor}`,
  error: new Error('made by the model'),
});

/** Whether a machine is in one of these states, whatever its other regions are in. */
export const isIn =
  (...places: readonly string[]) =>
  (snapshot: AnyMachineSnapshot): boolean =>
    places.some((place) =>
      placeOf(snapshot)
        .split(' + ')
        .some((one) => `${one}.`.startsWith(`${place}.`)),
    );

/** A port of a model: nothing is opened, sent or asked there. */
export const refuse = (): never => {
  throw new Error('a model opens nothing');
};
