import type { IotError } from '../protocol/errors.ts';
import type { Flow } from '../protocol/flow.ts';
import type { OutgoingMessage, QoS } from '../protocol/message.ts';
import type { Wire } from '../protocol/transport.ts';
import { requestLostError } from './endings.ts';
import type { EndObserver, Entry } from './entry.ts';

interface LineOptions {
  readonly wire: Wire;
  /** How many QoS 1 publishes may be unacknowledged. */
  readonly window: number;
  /** How many bytes of QoS 0 the wire may hold that the socket has not taken; the last publish may exceed it. */
  readonly maxUntakenBytes: number;
  readonly suspects: Set<Entry> | undefined;
}

/** A wire from attach to detach, and what it can still take. */
export class Line {
  readonly wire: Wire;
  readonly window: number;
  /** How many more QoS 1 publishes may be unacknowledged. */
  slots: number;
  /** How many more bytes of QoS 0 the wire may hold that the socket has not taken. */
  untakenRoom: number;
  /**
   * Present while it has to be found out who closes the lines: then nothing is sent before the flow opens, and each of these
   * goes alone. Once the flow is open and they have ended, it is as good as any line.
   */
  readonly suspects: Set<Entry> | undefined;
  /** The wire threw: nothing more is written to it, so that nothing overtakes the message that it did not take. */
  isStopped = false;
  #isOver = false;
  /** Requests without their answer. */
  readonly #requests = new Set<{ readonly observer: EndObserver }>();

  constructor({ wire, window, maxUntakenBytes, suspects }: LineOptions) {
    this.wire = wire;
    this.window = window;
    this.slots = window;
    this.untakenRoom = maxUntakenBytes;
    this.suspects = suspects;
  }

  /** Nothing acknowledges QoS 0: what makes room for it is that the socket takes what is before it. */
  hasSlot(qos: QoS, flow: Flow): boolean {
    if (this.isStopped) return false;
    if (this.suspects !== undefined && !this.#mayTry(this.suspects, flow)) return false;
    return (qos === 0 ? this.untakenRoom : this.slots) > 0;
  }

  /** Whether requests may pass what waits: not while it has to be found out who closes the lines. */
  takesRequests(flow: Flow): boolean {
    if (this.isStopped) return false;
    return this.suspects === undefined || (this.suspects.size === 0 && flow !== 'closed');
  }

  /**
   * Gives a message to the wire, and calls back with its answer: once, and never after the end of the line. Whoever sent it may
   * have lost interest meanwhile: it takes its place until then.
   */
  send<T>(message: OutgoingMessage, sender: T, answered: (sender: T, error?: IotError) => void): void {
    const isCounted = message.qos === 1;
    const sent = { isOpen: true, untakenBytes: 0 };
    if (isCounted) this.slots--;
    const bytes = this.wire.publish(message, (error) => {
      if (!sent.isOpen || this.#isOver) return;
      sent.isOpen = false;
      if (isCounted) this.slots++;
      else this.untakenRoom += sent.untakenBytes;
      answered(sender, error);
    });
    // Most are taken within the call.
    if (!isCounted && sent.isOpen) {
      sent.untakenBytes = bytes;
      this.untakenRoom -= bytes;
    }
  }

  /** The same for a message that is in no list; `tell` is given the call that tells its end. */
  request(message: OutgoingMessage, observer: EndObserver, tell: (call: () => void) => void): void {
    const request = { observer };
    this.#requests.add(request);
    this.send(message, request, (_, error) => {
      this.#requests.delete(request);
      tell(error === undefined ? () => observer.delivered() : () => observer.failed(error));
    });
  }

  /** No answer comes any more: nobody can tell what became of the requests. */
  end(tell: (call: () => void) => void): void {
    this.#isOver = true;
    for (const { observer } of this.#requests) tell(() => observer.failed(requestLostError()));
  }

  /** On a line that finds out who closes it: not before its subscriptions are settled, and suspects only alone. */
  #mayTry(suspects: ReadonlySet<Entry>, flow: Flow): boolean {
    if (flow === 'closed') return false;
    return suspects.size === 0 || this.slots === this.window;
  }
}
