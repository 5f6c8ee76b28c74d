import type { Entry } from '../delivery/entry.ts';
import type { Outbox } from '../delivery/outbox.ts';
import { EarlyCloseClassifier, type Verdict } from '../protocol/early-close.ts';
import type { IotError } from '../protocol/errors.ts';
import {
  closedOverPacket,
  duplicateClientId,
  poisonPublish,
  poisonSubscription,
} from '../protocol/failures.ts';
import type { AttachedWire, LineEnd, OpenTransport, Wire } from '../protocol/transport.ts';

export interface EarlyClosesOptions {
  readonly outbox: Outbox;
  /** The client's clock. */
  readonly now: () => number;
  readonly endpoint: string;
  readonly port: number;
  /** The one in use, also when the broker chose it. */
  readonly clientId: () => string;
  /** Told of a filter over which the broker closes the line. */
  readonly onPoisonFilter: (filter: string, error: IotError) => void;
  /** Told when an inquiry begins: until it is over, less is sent. */
  readonly warn: (message: string) => void;
}

const INQUIRY_BEGINS =
  'the broker has closed the connection twice over what was sent: the next connections stay quiet at first, and then send it one by one, to find out what it was';

/**
 * Gives each wire to the outbox, tells the early-close classifier what became of the line, and carries its verdict out:
 * a poison publish ends, a poison filter is told of, and a duel for the client id is why the line ended.
 */
export class EarlyCloses {
  readonly #options: EarlyClosesOptions;
  readonly #classifier: EarlyCloseClassifier<Entry>;
  #isInquiring = false;
  /** Whether what closed the last line was found, and will not be sent again. */
  #isMended = false;

  constructor(options: EarlyClosesOptions) {
    this.#options = options;
    this.#classifier = new EarlyCloseClassifier(options.now);
  }

  /**
   * The same transport. Its attempts that came to nothing count as evidence, also one that took too long; and the end of a
   * line says whether its cause is mended.
   */
  watch(openTransport: OpenTransport): OpenTransport {
    return (report, previous) => {
      let isAttempt = true;
      const cameToNothing = (): void => {
        if (isAttempt) this.#classifier.failed();
        isAttempt = false;
      };
      const line = openTransport((fact) => {
        if (fact.type === 'transport.failed') cameToNothing();
        if (fact.type === 'transport.connected') isAttempt = false;
        report(fact.type === 'transport.closed' && this.#isMended ? { ...fact, isMended: true } : fact);
      }, previous);
      return {
        disconnect: () => line.disconnect(),
        free: () => {
          cameToNothing();
          line.free();
        },
      };
    };
  }

  attach(wire: Wire): AttachedWire {
    const { outbox } = this.#options;
    const inquiry = this.#classifier.opened((entry) => entry.place !== 'ended');
    outbox.attach(wire, inquiry?.publishes);
    const detach = (end: LineEnd): IotError => {
      const verdict = this.#classifier.closed({ end, publishes: outbox.detach() });
      this.#isMended = verdict.kind === 'poisonPublish' || verdict.kind === 'poisonFilter';
      return this.#carryOut(verdict, end.error);
    };
    if (inquiry !== undefined && !this.#isInquiring) this.#options.warn(INQUIRY_BEGINS);
    this.#isInquiring = inquiry !== undefined;
    if (inquiry === undefined) return { detach };
    // Only these: the publishes are the app's, and whatever goes into a session's facts can be seen.
    const { quietMs, filtersPerSubscribe } = inquiry;
    return { detach, caution: { quietMs, filtersPerSubscribe } };
  }

  /** Returns why the line ended, as it is known now. */
  #carryOut(verdict: Verdict<Entry>, seen: IotError): IotError {
    const { outbox, endpoint, port, clientId, onPoisonFilter } = this.#options;
    switch (verdict.kind) {
      case 'poisonPublish': {
        const error = poisonPublish(verdict.publish.message.topic, verdict.closes);
        outbox.end(verdict.publish, error);
        return closedOverPacket(seen, error);
      }
      case 'poisonFilter': {
        const error = poisonSubscription(verdict.filter, verdict.closes);
        onPoisonFilter(verdict.filter, error);
        return closedOverPacket(seen, error);
      }
      case 'packet':
        return closedOverPacket(seen);
      case 'duplicateClientId':
        return duplicateClientId({ endpoint, port }, verdict.closes, clientId());
      case 'network':
        return seen;
    }
  }
}
