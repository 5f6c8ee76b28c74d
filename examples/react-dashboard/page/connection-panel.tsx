import { shallowEqual, useSelector } from '@xstate/react';
import type { ConnectionMachine } from 'aws-iot-machines/machines';
import type { ActorRefFrom, SnapshotFrom } from 'xstate';
import type { Broker } from './broker.ts';
import { useNow } from './use-now.ts';

type Tone = 'good' | 'busy' | 'bad' | 'quiet';

interface Words {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
}

const up = (state: 'quiet' | 'resubscribing' | 'draining' | 'live') =>
  ({ line: { connected: { session: { up: state } } } }) as const;

/** What the machine is doing, in words. The first row that matches counts. */
function inWords(snapshot: SnapshotFrom<ConnectionMachine>): Words {
  if (snapshot.matches(up('live'))) return say('good', 'Live', 'Messages flow freely.');
  if (snapshot.matches(up('draining'))) return say('good', 'Draining', 'What waited is sent, in its order.');
  if (snapshot.matches(up('quiet')))
    return say('busy', 'Looking', 'Something closed the last lines: which packet?');
  if (snapshot.matches({ line: { connected: { session: 'up' } } }))
    return say('busy', 'Resubscribing', 'The line is there; its subscriptions are asked for.');
  if (snapshot.matches({ line: { connecting: 'signingIn' } }))
    return say('busy', 'Signing in', 'Keys are asked for, new ones for each attempt.');
  if (snapshot.matches({ line: 'connecting' })) return say('busy', 'Connecting', 'The broker is dialled.');
  if (snapshot.matches({ backingOff: 'slow' }))
    return say('bad', 'Backing off, slowly', 'Somebody has to mend something first; it goes on trying.');
  if (snapshot.matches('backingOff')) return say('bad', 'Backing off', 'It comes back by itself.');
  if (snapshot.matches('failed')) return say('bad', 'Failed', 'Only other options can mend this.');
  if (snapshot.matches('idle')) return say('quiet', 'Idle', 'Nobody wants a line.');
  return say('quiet', 'Disconnecting', 'What is in flight is finished first.');
}

const say = (tone: Tone, title: string, text: string): Words => ({ tone, title, text });

interface Props {
  readonly connection: ActorRefFrom<ConnectionMachine>;
  readonly broker: Broker;
}

export function ConnectionPanel({ connection, broker }: Props) {
  const { tone, title, text } = useSelector(connection, inWords, shallowEqual);
  const reason = useSelector(connection, ({ context }) => context.failure);
  const failures = useSelector(connection, ({ context }) => context.failures);
  const retryAt = useSelector(connection, (snapshot) =>
    snapshot.matches('backingOff') ? snapshot.context.retryAt : undefined,
  );
  return (
    <section aria-labelledby="connection">
      <h2 id="connection">Connection</h2>
      <p role="status" className={`stand ${tone}`}>
        <strong>{title}</strong> <span>{text}</span>
      </p>
      <dl>
        <dt>Next attempt</dt>
        <dd>{retryAt === undefined ? '—' : <Countdown until={retryAt} />}</dd>
        <dt>Failures in a row</dt>
        <dd>{failures}</dd>
        <dt>Reason</dt>
        <dd>
          {reason === undefined ? (
            '—'
          ) : (
            <>
              <code>{reason.code}</code> {reason.message}
            </>
          )}
        </dd>
      </dl>
      {reason?.code === 'WEBSOCKET_FAILED' && <Trust broker={broker} />}
    </section>
  );
}

function Countdown({ until }: { readonly until: number }) {
  const seconds = Math.max(0, until - useNow(100)) / 1_000;
  return <span role="timer">in {seconds.toFixed(1)} s</span>;
}

/** A browser does not tell a page why there is no WebSocket, nor ask its user whether a certificate will do. */
function Trust({ broker: { endpoint, port } }: Pick<Props, 'broker'>) {
  const url = `https://${endpoint}:${port}`;
  return (
    <p className="hint">
      Never had a line? This browser does not know the certificate of the local broker. Open{' '}
      <a href={url} target="_blank" rel="noreferrer">
        {url}
      </a>
      , accept it (the page then says 404), and come back: the next attempt gets through.
    </p>
  );
}
