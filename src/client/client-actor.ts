import { createActor } from 'xstate';
import { clientMachine } from '../machines/client.machine.ts';
import type { ClientPorts } from '../machines/client.types.ts';
import { Handle } from '../protocol/handle.ts';
import type { ResolvedOptions } from './options.ts';

/** The machine of a client, with all others below it. Not started. */
export function clientActor(options: ResolvedOptions, ports: ClientPorts) {
  const { clock, reconnect, attemptTimeoutMs, operationTimeoutMs, drain } = options;
  return createActor(clientMachine, {
    clock,
    input: {
      ports: new Handle(ports),
      connection: { backoff: reconnect, attemptTimeoutMs },
      drain,
      operationTimeoutMs,
    },
  });
}
