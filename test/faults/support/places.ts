import { createHash } from 'node:crypto';
import type { IotClientOptions } from '../../../src/index.ts';
import type { LocalIotCore } from '../../../src/local/index.ts';
import type { ScriptedBroker } from '../../../src/testing/index.ts';

/** What a place tells of a message of a client, by its key. */
interface Witness {
  readonly written: (key: string) => void;
}

/** A broker, as the harness looks at it: what counts is what it saw. */
export interface Place {
  /** Where it is and how to sign in. */
  clientOptions(clientId: string): IotClientOptions;
  /** What tells messages of one client apart, for the sender and for the broker. */
  keyOf(topic: string, payload: string | Uint8Array): string;
  /** Tells each PUBLISH of a client as it comes in. The returned function ends that. */
  watch(clientId: string, witness: Witness): () => void;
  /** The keys of the messages that it took from a client, in order. */
  taken(clientId: string): readonly string[];
  mostOpenConnections(clientId: string): number;
  filtersOf(clientId: string): readonly string[];
}

const digest = (payload: string | Uint8Array): string =>
  createHash('sha256').update(payload).digest('base64url').slice(0, 12);

/** Messages are known by topic and payload. */
export function scriptedPlace(broker: ScriptedBroker, signIn: Partial<IotClientOptions> = {}): Place {
  const keyOf = (topic: string, payload: string | Uint8Array): string => `${topic} ${digest(payload)}`;
  return {
    keyOf,
    clientOptions: (clientId) => ({ ...broker.clientOptions(clientId, signIn.auth), ...signIn }),
    watch: (clientId, { written }) =>
      broker.onRecord(({ packet, direction, connection, clientId: from }) => {
        if (packet !== 'publish' || direction !== 'toBroker' || from !== clientId) return;
        const publish = broker.connections[connection - 1]?.received.at(-1);
        if (publish?.cmd === 'publish') written(keyOf(publish.topic, publish.payload));
      }),
    taken: (clientId) =>
      broker.messages
        .filter((message) => message.clientId === clientId)
        .map(({ topic, payload }) => keyOf(topic, payload)),
    mostOpenConnections: (clientId) => broker.mostOpenConnections(clientId),
    filtersOf: (clientId) => [...broker.subscriptionsOf(clientId).keys()],
  };
}

/** The tap of the local core shows no payloads: messages are known by their topic, and each has one of its own. */
export function corePlace(core: LocalIotCore): Place {
  const mostOpen = new Map<string, number>();
  core.tap.on(({ clientId }) => {
    if (clientId === undefined) return;
    const open = core.connections.filter((one) => one.clientId === clientId).length;
    mostOpen.set(clientId, Math.max(open, mostOpen.get(clientId) ?? 0));
  });
  return {
    keyOf: (topic) => topic,
    clientOptions: (clientId) => core.plainOptions(clientId),
    watch: (clientId, { written }) =>
      core.tap.on(({ packet, direction, clientId: from, topic, fate }) => {
        if (packet === 'publish' && direction === 'toBroker' && from === clientId && fate === 'passed')
          written(topic ?? '');
      }),
    taken: (clientId) =>
      core.received.filter((message) => message.clientId === clientId).map(({ topic }) => topic),
    mostOpenConnections: (clientId) => mostOpen.get(clientId) ?? 0,
    filtersOf: (clientId) =>
      (core.clients.find((one) => one.clientId === clientId)?.subscriptions ?? []).map(
        ({ filter }) => filter,
      ),
  };
}
