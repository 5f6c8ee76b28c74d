import { RequestSlots } from '../delivery/request-slots.ts';
import type { ClientActorRef } from '../machines/actor-of.ts';
import type { ClientFact, ClientInput } from '../machines/client.types.ts';
import type { FactListener } from '../machines/connection.types.ts';
import { IotError, invalid } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import { Handle } from '../protocol/handle.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import { hasMethods } from './checks.ts';
import { rememberClient } from './client-of.ts';
import { DeviceClient } from './device-client.ts';
import { Emitter } from './events.ts';
import { MessageEvents } from './message-events.ts';
import type { ResolvedOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { createPorts } from './ports.ts';
import { QueueNews } from './queue-news.ts';

/** Who hears a client machine that an app starts. */
export interface ClientInputOptions {
  /** The actor that is sent every {@link ClientFact}: usually the `self` of whoever starts the machine. Default: nobody. */
  readonly parent?: FactListener<ClientFact>;
}

/**
 * The input of a client machine that an app starts.
 *
 * @throws IotError `INVALID_ARGUMENT`
 */
export function checkedClientInput(
  options: ResolvedOptions,
  platform: Platform,
  more: ClientInputOptions,
): ClientInput {
  checkFields('options', more, ['parent']);
  const { parent } = more;
  // XState sends to actors only, and knows them by this.
  if (parent !== undefined && !(hasMethods(parent, ['send']) && typeof parent.sessionId === 'string'))
    throw invalid('parent', 'an actor of XState', parent);
  if (options.inspect !== undefined)
    throw invalid('inspect', 'left out: give it to the createActor() of the app', options.inspect);
  return makeClientInput(options, platform, more);
}

/** The input of one client machine: what it reaches the world by, and its policy. Its client is there as soon as it has started. */
export function makeClientInput(
  options: ResolvedOptions,
  platform: Platform,
  { parent, emitter = new Emitter() }: ClientInputOptions & { readonly emitter?: Emitter } = {},
): ClientInput {
  let client: DeviceClient | undefined;
  const started = (): DeviceClient => {
    if (client === undefined) throw new IotError('INTERNAL', 'the client machine has not started');
    return client;
  };
  const news = new QueueNews(emitter, () => started().queue.queued);
  const slots = new RequestSlots(AWS_LIMITS.shadow.requestsInFlight);
  const { outbox, journal, ports } = createPorts(options, platform, {
    onMessage: (incoming) => started().received(incoming),
    warn: (message) => emitter.emit('warning', { message }),
    onPoisonFilter: (filter, error) => started().send({ type: 'filter.poisoned', filter, error }),
    reportError: (error) => emitter.report(error),
    clientId: () => started().clientId,
    queueNews: news,
    slots,
    onRecovered: () => started().send({ type: 'backlog.recovered' }),
  });
  const { reconnect, attemptTimeoutMs, operationTimeoutMs, drain } = options;
  return {
    ports: new Handle({
      ...ports,
      open(actor, tell) {
        if (client !== undefined) {
          throw new IotError(
            'INVALID_ARGUMENT',
            'what clientInput() returned is the input of one actor: call it for each',
          );
        }
        const made = new DeviceClient(actor as ClientActorRef, {
          options,
          emitter,
          outbox,
          journal,
          news,
          slots,
        });
        client = made;
        rememberClient(actor, made);
        return new MessageEvents(made, tell);
      },
    }),
    connection: { backoff: reconnect, attemptTimeoutMs },
    drain,
    operationTimeoutMs,
    ...(parent === undefined ? {} : { parent }),
  };
}
