import { createActor, type InspectionEvent } from 'xstate';
import { clientMachine } from '../machines/client.machine.ts';
import { makeClientInput } from './client-input.ts';
import { clientOf } from './client-of.ts';
import { Emitter } from './events.ts';
import type { InspectionObserver } from './inspection.ts';
import type { IotClient } from './iot-client.ts';
import type { ResolvedOptions } from './options.ts';
import type { Platform } from './platform.ts';

/** Starts the machines of a client, which does nothing yet that anybody could see. */
export function startClient(options: ResolvedOptions, platform: Platform): IotClient {
  const emitter = new Emitter();
  const { clock, inspect } = options;
  // Later: it may come before anybody could listen.
  const report = (error: unknown): void => queueMicrotask(() => emitter.report(error));
  const actor = createActor(clientMachine, {
    clock,
    input: makeClientInput(options, platform, { emitter }),
    ...(inspect === undefined ? {} : { inspect: harmless(inspect, report) }),
  });
  actor.start();
  return clientOf(actor);
}

/** XState calls an observer in the midst of a machine's step. What it throws is reported, for the first time. */
function harmless(
  inspect: InspectionObserver,
  report: (error: unknown) => void,
): (event: InspectionEvent) => void {
  let isReported = false;
  const failed = (error: unknown): void => {
    if (!isReported) report(error);
    isReported = true;
  };
  const listen: (event: InspectionEvent) => unknown =
    typeof inspect === 'function' ? inspect : (event) => inspect.next?.(event);
  return (event) => {
    try {
      const listened = listen(event);
      // Of an async function: what it rejects with must not end the process.
      if (listened instanceof Promise) listened.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
