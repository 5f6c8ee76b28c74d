import { isUtf8 } from '../protocol/utf8.ts';
import { type Breach, malformed } from './breach.ts';

const LENGTH_BYTES = 2;

/**
 * Looks at the topic of a PUBLISH as its bytes come in. Behind the parser it is too late: that writes U+FFFD for what is no
 * UTF-8, which is a character like any other, and nobody can tell any more what came (MQTT-1.5.3-1; MQTT 5: MQTT-1.5.4-1).
 */
export class InboundTopic {
  /** Of the body, what is still to come in front of the topic and of the topic. */
  #lengthBytesLeft = 0;
  #left = 0;
  /** What came of a topic whose bytes come apart. */
  #begun: readonly number[] = [];

  /** A PUBLISH begins: what is looked at next is its body. */
  begin(): void {
    this.#lengthBytesLeft = LENGTH_BYTES;
    this.#left = 0;
    this.#begun = [];
  }

  /** Takes what came next of the body. Returns what is wrong with it, if something is. */
  look(body: Uint8Array): Breach | undefined {
    let at = 0;
    for (; this.#lengthBytesLeft > 0 && at < body.length; at++) {
      this.#left = (this.#left << 8) | (body[at] as number);
      this.#lengthBytesLeft -= 1;
    }
    if (this.#left === 0 || this.#lengthBytesLeft > 0) return undefined;
    const came = body.subarray(at, at + this.#left);
    this.#left -= came.length;
    if (this.#begun.length === 0 && this.#left === 0) return wrongWith(came);
    this.#begun = [...this.#begun, ...came];
    return this.#left === 0 ? wrongWith(Uint8Array.from(this.#begun)) : undefined;
  }
}

function wrongWith(topic: Uint8Array): Breach | undefined {
  return isUtf8(topic) ? undefined : malformed('PUBLISH to a topic that is no UTF-8');
}
