import type { Readable } from 'node:stream';
import type { Aedes } from 'aedes';

/** What aedes keeps of a message for a session. */
export interface KeptPacket {
  readonly cmd: string;
  /** It was sent before. */
  readonly messageId?: number;
  readonly dup?: boolean;
}

interface SessionOf {
  readonly id: string;
}

/** What of aedes' persistence its types leave out. */
export interface Persistence {
  createRetainedStreamCombi(filters: string[]): unknown;
  removeSubscriptions(client: SessionOf, filters: string[]): Promise<unknown>;
  subscriptionsByTopic(topic: string): Promise<readonly { readonly topic: string }[]>;
  /** What waits for a client, as it is now. */
  outgoingStream(client: SessionOf): Readable;
  outgoingClearMessageId(client: SessionOf, packet: KeptPacket): Promise<unknown>;
  cleanSubscriptions(client: SessionOf): Promise<unknown>;
  cleanIncoming(client: SessionOf): Promise<unknown>;
}

export function persistenceOf(aedes: Aedes): Persistence {
  return (aedes as unknown as { persistence: Persistence }).persistence;
}

/** Forgets all that there is of a session. */
export async function forgetSession(persistence: Persistence, id: string): Promise<void> {
  await persistence.cleanSubscriptions({ id });
  await persistence.cleanIncoming({ id });
  for await (const packet of persistence.outgoingStream({ id })) {
    await persistence.outgoingClearMessageId({ id }, packet as KeptPacket);
  }
}
