import { useSelector } from '@xstate/react';
import { type IotClient, IotError } from 'aws-iot-machines';
import type { OfflineQueueMachine } from 'aws-iot-machines/machines';
import { useRef, useState } from 'react';
import type { ActorRefFrom, SnapshotFrom } from 'xstate';
import { useNow } from './use-now.ts';

const TOPIC = 'dashboard/notes';
const ROWS = 8;

interface Note {
  readonly number: number;
  readonly fate: string;
}

/** May messages flow? That is all that this machine decides. */
function flowInWords(snapshot: SnapshotFrom<OfflineQueueMachine>): string {
  if (snapshot.matches('buffering')) return 'held until there is a line';
  return snapshot.matches('draining') ? 'let go, two a second' : 'free';
}

interface Props {
  readonly client: IotClient;
  readonly queue: ActorRefFrom<OfflineQueueMachine>;
}

export function QueuePanel({ client, queue }: Props) {
  const flow = useSelector(queue, flowInWords);
  // Messages are no events of a machine: there may be thousands a second. So they are looked at, four times a second.
  useNow(250);
  const { queued, inFlight } = client.queue;
  const { notes, publish } = useNotes(client);
  return (
    <section aria-labelledby="queue">
      <h2 id="queue">Queue</h2>
      <dl>
        <dt>Waiting</dt>
        <dd data-count="queued">{queued}</dd>
        <dt>In flight</dt>
        <dd data-count="in-flight">{inFlight}</dd>
        <dt>Messages are</dt>
        <dd>{flow}</dd>
      </dl>
      <div className="buttons">
        <button type="button" onClick={() => publish(1)}>
          Publish a note
        </button>
        <button type="button" onClick={() => publish(5)}>
          Publish five
        </button>
      </div>
      <Waiting client={client} />
      <h3 id="notes">What became of them</h3>
      <ul aria-labelledby="notes" className="rows">
        {notes.map(({ number, fate }) => (
          <li key={number}>
            <span>note {number}</span> <span>{fate}</span>
          </li>
        ))}
        {notes.length === 0 && <li>Nothing is published yet.</li>}
      </ul>
    </section>
  );
}

function Waiting({ client }: { readonly client: IotClient }) {
  const open = [...client.queue];
  if (open.length === 0) return null;
  return (
    <>
      <h3 id="open">In the order in which they go</h3>
      <ol aria-labelledby="open" className="rows">
        {open.slice(0, ROWS).map(({ topic, payload, state }) => {
          const text = typeof payload === 'string' ? payload : new TextDecoder().decode(payload);
          return (
            <li key={text}>
              <code>
                {topic} {text}
              </code>{' '}
              <span>{state === 'waiting' ? 'waits' : state === 'toResend' ? 'goes again' : 'in flight'}</span>
            </li>
          );
        })}
        {open.length > ROWS && <li>… and {open.length - ROWS} more</li>}
      </ol>
    </>
  );
}

/** Publishes by the promises of the client, and remembers what became of each: first its receipt, then its delivery. */
function useNotes(client: IotClient) {
  const [notes, setNotes] = useState<readonly Note[]>([]);
  const last = useRef(0);
  const tell = (number: number, fate: string) =>
    setNotes((before) =>
      [{ number, fate }, ...before.filter((note) => note.number !== number)]
        .toSorted((one, other) => other.number - one.number)
        .slice(0, ROWS),
    );
  const publishOne = async (number: number) => {
    try {
      const receipt = await client.publish(TOPIC, { note: number }, { qos: 1 });
      tell(number, receipt.state);
      await receipt.delivered;
      tell(number, 'delivered');
    } catch (error) {
      tell(number, IotError.is(error) ? error.code : String(error));
    }
  };
  const publish = (count: number) => {
    for (let more = 0; more < count; more += 1) {
      last.current += 1;
      void publishOne(last.current);
    }
  };
  return { notes, publish };
}
