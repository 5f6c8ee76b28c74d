import { clientOf } from '../client/client-of.ts';
import type { IotClient } from '../client/iot-client.ts';
import { isClientMachine } from './charts.ts';
import type { ClientView } from './feed.ts';
import { machineOf } from './live-actor.ts';
import type { ActorRecord } from './recorder.ts';
import { cut, withoutControls, withoutSecrets } from './secret-text.ts';

const MAX_MESSAGE_CHARACTERS = 512;

/** What only clients say: how their line stands, and how much waits. No event tells it, so it is asked for. */
export class ClientViews {
  readonly #clients = new Map<string, IotClient>();
  /** As it was told last, by the key of the actor. */
  readonly #told = new Map<string, string>();

  /** Finds the client of an actor, if it is one. */
  found(record: ActorRecord): void {
    if (this.#clients.has(record.key) || !isClientMachine(machineOf(record.actor))) return;
    try {
      this.#clients.set(record.key, clientOf(record.actor));
    } catch {
      // A client machine whose ports an app made by hand: there is no client to ask.
    }
  }

  forgotten(key: string): void {
    this.#clients.delete(key);
    this.#told.delete(key);
  }

  /** What a person calls the client of this actor. */
  nameOf(key: string): string | undefined {
    const clientId = this.#clients.get(key)?.clientId;
    return clientId === '' ? undefined : clientId;
  }

  all(): ClientView[] {
    return [...this.#clients].map(([key, client]) => viewOf(key, client));
  }

  /** Those that say something else than when this was last asked. */
  changed(): ClientView[] {
    return this.all().filter((view) => {
      const told = JSON.stringify(view);
      if (this.#told.get(view.actor) === told) return false;
      this.#told.set(view.actor, told);
      return true;
    });
  }
}

function viewOf(actor: string, client: IotClient): ClientView {
  const { status } = client;
  const reason = 'reason' in status ? status.reason : undefined;
  return {
    actor,
    clientId: harmless(client.clientId),
    state: status.state,
    queued: status.queued,
    inFlight: status.inFlight,
    retryAt: 'retryAt' in status ? status.retryAt : null,
    attempt: 'attempt' in status ? status.attempt : null,
    reason: reason === undefined ? null : { code: reason.code, message: harmless(reason.message) },
  };
}

const harmless = (text: string): string => cut(withoutControls(withoutSecrets(text)), MAX_MESSAGE_CHARACTERS);
