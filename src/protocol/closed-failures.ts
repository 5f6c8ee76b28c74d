import { IotError, type IotErrorCode } from './errors.ts';
import { at, type FailurePlace, isAws } from './failure-place.ts';

/** The stream ended without an error: before CONNACK that is a refusal without words, after it a lost connection. */
export function closedFailure(place: FailurePlace): IotError {
  switch (place.stage) {
    case 'dialing':
      return closed('CONNECTION_RESET', cutsWithoutWords(place), place);
    case 'awaitingConnack': {
      const words = `${at(place)} closed the connection instead of answering CONNECT`;
      return closed('CLOSED_BEFORE_CONNACK', words, place);
    }
    case 'live':
      return closed('CONNECTION_LOST', `${at(place)} closed the connection`, place);
  }
}

/** What a cut without words may mean when it comes again and again; once, it is the network. */
export const cutsWithoutWords = (place: FailurePlace): string => `${at(place)} cut the connection`;

/** Neither TCP nor MQTT 3.1.1 has words for why; these are what brokers cut connections for, over and over. */
export function cutAgainAndAgain(place: FailurePlace): string | undefined {
  switch (place.stage) {
    case 'dialing':
      return isAws(place)
        ? 'If it does so at each attempt: check the network on the way and, with mutualTls(), that the certificate is registered and ACTIVE in the account and region of this endpoint.'
        : "If it does so at each attempt: check that `port` speaks TLS, and that the broker accepts this host name and, if there is one, this device's certificate.";
    case 'awaitingConnack':
      return isAws(place)
        ? 'If it does so at each attempt: check that the policy of its certificate, role or authorizer allows iot:Connect for this client id.'
        : undefined;
    case 'live':
      return 'If it does so again and again: let no other client use this client id, and check that the broker allows what this client publishes and subscribes to.';
  }
}

/** What is in no table. Passes an `IotError` through. */
export function unknownFailure(error: unknown, place: FailurePlace): IotError {
  if (IotError.is(error)) return error;
  return new IotError('INTERNAL', `the connection to ${at(place)} failed for an unknown reason`, {
    cause: error,
  });
}

function closed(code: IotErrorCode, message: string, place: FailurePlace): IotError {
  return new IotError(code, message, { remediation: cutAgainAndAgain(place) });
}
