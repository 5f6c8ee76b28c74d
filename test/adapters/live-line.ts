import type { BrokerConnection, ConnackAnswer } from '../../src/testing/broker-connection.ts';
import { ScriptedBroker } from '../../src/testing/scripted-broker.ts';
import { openTestLine, type TestLine, type TestOptions } from './test-line.ts';

/** A line that is connected, and the broker's end of it. */
export interface LiveLine extends AsyncDisposable {
  readonly line: TestLine;
  readonly there: BrokerConnection;
}

/** Connects over TCP to a broker whose CONNACK is `answer`. */
export async function liveLine(
  options: Partial<TestOptions> = {},
  answer: ConnackAnswer = {},
): Promise<LiveLine> {
  const peer = await ScriptedBroker.start({ automatic: false });
  const line = openTestLine({ port: peer.port, ...options });
  const there = await peer.connection();
  await there.accept(answer);
  await line.until('transport.connected');
  return {
    line,
    there,
    async [Symbol.asyncDispose]() {
      line.free();
      await peer.stop();
    },
  };
}

export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Long enough for what this process does by itself. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}

/** Returns once the peer's bytes so far have been handled: a message behind them has arrived. */
export async function settled({ line, there }: LiveLine): Promise<void> {
  const index = line.messages.length;
  there.send({ cmd: 'publish', topic: 'mark', payload: '', qos: 0, retain: false, dup: false });
  await line.message(index);
}
