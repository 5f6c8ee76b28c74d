import { expect, test } from 'vitest';
import type { ConnectionPorts } from '../../src/machines/connection.types.ts';
import { IotError } from '../../src/protocol/errors.ts';
import type { TransportFact } from '../../src/protocol/transport.ts';
import { connected, runConnection } from './support.ts';

/** A connection, and with which previous failure each of its attempts was opened. */
function open() {
  const previous: (IotError | undefined)[] = [];
  let report: (fact: TransportFact) => void = () => undefined;
  const openTransport: ConnectionPorts['openTransport'] = (given, failure) => {
    previous.push(failure);
    report = given;
    return {
      disconnect: () =>
        report({ type: 'transport.closed', error: new IotError('DISCONNECTED', 'asked for') }),
      free: () => undefined,
    };
  };
  const it = runConnection({ ports: { openTransport } });
  return { it, previous, tell: (fact: TransportFact) => report(fact) };
}

test('each attempt is told why the attempt or the line before it ended (fault:D-12)', () => {
  const { it, previous, tell } = open();
  it.connect();
  const refused = new IotError('BAD_CREDENTIALS', 'refused');
  tell({ type: 'transport.failed', error: refused });
  it.clock.advance(1_000);
  tell({ type: 'transport.signedIn' });
  tell(connected());
  const lost = new IotError('CONNECTION_LOST', 'lost');
  tell({ type: 'transport.closed', error: lost });
  it.clock.advance(2_000);
  expect(previous).toEqual([undefined, refused, lost]);
  it.stop();
});

test('an attempt that follows no failure is told of none: after a planned renewal, and after an end for good', () => {
  const { it, previous, tell } = open();
  it.connect();
  tell({ type: 'transport.failed', error: new IotError('BAD_CREDENTIALS', 'refused') });
  it.clock.advance(1_000);
  tell({ type: 'transport.signedIn' });
  tell(connected({ lifetimeMs: 60_000 }));
  it.clock.advance(60_000);
  expect(previous).toHaveLength(3);
  it.disconnect();
  it.connect();
  expect(previous.map((failure) => failure?.code)).toEqual([
    undefined,
    'BAD_CREDENTIALS',
    undefined,
    undefined,
  ]);
  it.stop();
});
