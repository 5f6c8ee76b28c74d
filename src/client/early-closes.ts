import type { Entry } from '../delivery/entry.ts';
import type { Outbox } from '../delivery/outbox.ts';
import { EarlyCloseClassifier, type Verdict } from '../protocol/early-close.ts';
import type { IotError } from '../protocol/errors.ts';
import { duplicateClientId, poisonPublish, poisonSubscription } from '../protocol/failures.ts';
import type { AttachedWire, LineEnd, OpenTransport, Wire } from '../protocol/transport.ts';

export interface EarlyClosesOptions {
  readonly outbox: Outbox;
  /** The client's clock. */
  readonly now: () => number;
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  /** Told of a filter over which the broker closes the line. */
  readonly onPoisonFilter: (filter: string, error: IotError) => void;
}

/**
 * Gives each wire to the outbox, tells the early-close classifier what became of the line, and carries its verdict out:
 * a poison publish ends, a poison filter is told of, and a duel for the client id is why the line ended.
 */
export class EarlyCloses {
  readonly #options: EarlyClosesOptions;
  readonly #classifier: EarlyCloseClassifier<Entry>;

  constructor(options: EarlyClosesOptions) {
    this.#options = options;
    this.#classifier = new EarlyCloseClassifier(options.now);
  }

  /** The same transport, whose attempts that came to nothing count as evidence: also one that took too long. */
  watch(openTransport: OpenTransport): OpenTransport {
    return (report) => {
      let isAttempt = true;
      const cameToNothing = (): void => {
        if (isAttempt) this.#classifier.failed();
        isAttempt = false;
      };
      const line = openTransport((fact) => {
        if (fact.type === 'transport.failed') cameToNothing();
        if (fact.type === 'transport.connected') isAttempt = false;
        report(fact);
      });
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
      return this.#carryOut(verdict) ?? end.error;
    };
    if (inquiry === undefined) return { detach };
    // Only these: the publishes are the app's, and whatever goes into a session's facts can be seen.
    const { quietMs, filtersPerSubscribe } = inquiry;
    return { detach, caution: { quietMs, filtersPerSubscribe } };
  }

  /** Returns why the line ended, where that is not what it seemed. */
  #carryOut(verdict: Verdict<Entry>): IotError | undefined {
    const { outbox, endpoint, port, clientId, onPoisonFilter } = this.#options;
    switch (verdict.kind) {
      case 'poisonPublish':
        outbox.end(verdict.publish, poisonPublish(verdict.publish.message.topic, verdict.closes));
        return undefined;
      case 'poisonFilter':
        onPoisonFilter(verdict.filter, poisonSubscription(verdict.filter, verdict.closes));
        return undefined;
      case 'duplicateClientId':
        return duplicateClientId({ endpoint, port }, verdict.closes, clientId);
      case 'network':
        return undefined;
    }
  }
}
