import type { IotClientOptions } from '../../src/client/options.ts';
import { createIotClient, type IotClient, type Status, type StatusState } from '../../src/index.ts';
import type { BrokerConnection } from '../../src/testing/broker-connection.ts';
import type { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { SimulatedClock } from '../../src/testing/simulated-clock.ts';
import { freshId, judged } from './support.ts';

/** The defaults of the product but for the jitter, so that a test can say when a retry comes. */
const LAW = { jitter: 'none' } as const;

export interface PeerClient {
  readonly client: IotClient;
  readonly clock: SimulatedClock;
  /** The states that its status had so far, each change once. */
  readonly story: StatusState[];
}

/** A client of a scripted peer with default options, whose time stands still. After the test it is closed and judged. */
export function peerClient(peer: ScriptedBroker, options: Partial<IotClientOptions> = {}): PeerClient {
  const clock = new SimulatedClock();
  const place = peer.clientOptions(freshId(), options.auth);
  const client = judged(createIotClient({ ...place, clock, reconnect: LAW, ...options }), clock);
  const story: StatusState[] = [];
  client.on('status', ({ state }: Status) => {
    if (story.at(-1) !== state) story.push(state);
  });
  return { client, clock, story };
}

/** As {@link peerClient}, connected and live; `there` is the peer's end of its line. */
export async function livePeerClient(
  peer: ScriptedBroker,
  options: Partial<IotClientOptions> = {},
): Promise<PeerClient & { readonly there: BrokerConnection }> {
  const made = peerClient(peer, options);
  const connecting = made.client.connect();
  const there = await peer.connection();
  await there.accept();
  await connecting;
  await made.client.when('live');
  return { ...made, there };
}
