import { describe, IotError } from './errors.ts';
import { at, type Peer } from './failure-place.ts';

// What is found out from how lines end, because nobody says it: MQTT 3.1.1 has no words for why a broker closes.

/** The broker closed each line on which this publish was the only one that it had not acknowledged. */
export function poisonPublish(topic: string, closes: number): IotError {
  return new IotError(
    'POISON_PUBLISH',
    `the publish to ${describe(topic)} makes the broker close the connection: it did so ${times(closes)} while nothing else was open`,
    {
      outcomeUnknown: true,
      remediation:
        'Check that the policy of this client allows it to publish to this topic, and that the broker takes a message of this kind and size.',
    },
  );
}

/** The broker closed each line on which this filter was the only one that it had not answered. */
export function poisonSubscription(filter: string, closes: number): IotError {
  return new IotError(
    'POISON_SUBSCRIPTION',
    `the subscription to ${describe(filter)} makes the broker close the connection: it did so ${times(closes)} while nothing else was open`,
    {
      remediation: 'Check that the policy of this client allows it to subscribe to this filter.',
    },
  );
}

/**
 * A suspicion: what a takeover looks like from here. A publish of QoS 0 that the policy denies looks the same, because
 * nothing ever answers it. The DISCONNECT 142 of MQTT 5 says it for certain.
 */
export function duplicateClientId(place: Peer, closes: number, clientId: string): IotError {
  return new IotError(
    'DUPLICATE_CLIENT_ID',
    `${at(place)} closed the connection ${times(closes)} in a row, soon after it had accepted it and with nothing left to answer: most likely another client uses the client id ${describe(clientId)}`,
    {
      remediation:
        'Give each client a `clientId` of its own. If no other has this one: check that the broker allows what this client publishes with QoS 0; such a publish looks the same when it is denied.',
    },
  );
}

const times = (closes: number): string => (closes === 1 ? 'once' : `${closes} times`);

/**
 * The broker closed the line over something that was sent on it. That ends this line and says nothing of the next one, whatever
 * the broker's code would say of a client.
 *
 * @param seen the end as the line saw it
 * @param found what it was, once that is known
 */
export function closedOverPacket(seen: IotError, found?: IotError): IotError {
  const why =
    found?.message ?? 'a publish or a filter seems to be the cause, and the next connections find out which';
  return new IotError('CONNECTION_LOST', `${seen.message}; ${why}`, {
    cause: seen,
    reasonCode: seen.reasonCode,
  });
}
