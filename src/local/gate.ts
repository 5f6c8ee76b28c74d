import type { TappedPacket } from './packet.ts';

/**
 * What happens to the packet at the head of its lane. `wait` keeps it, and all behind it, where it is; `drop` takes it
 * out; `close` ends the connection; an answer is sent back to the client in the broker's name, then the connection ends.
 */
export type Verdict = 'pass' | 'wait' | 'drop' | 'close' | { readonly answer: Buffer };

/**
 * Decides about packets. Freezing, holding, delaying and refusing are all rules: there is no other way to disturb a
 * packet.
 */
export interface Rule {
  /** A packet joined its lane. */
  entered?(packet: TappedPacket): void;
  /** Asked for the packet at the head of a lane, again at every change of the rules: it must change nothing. */
  decide(packet: TappedPacket): Verdict;
  /** The packet is gone: passed on, dropped, answered, or its connection died. Called once for each that entered. */
  left?(packet: TappedPacket): void;
}

interface Pumped {
  pump(): void;
}

/** The rules of one core, and the lanes that obey them. */
export class Gate {
  readonly #rules = new Set<Rule>();
  readonly #lanes = new Set<Pumped>();

  /** Adds a rule. The returned function takes it away again and lets go what only this rule kept. */
  add(rule: Rule): () => void {
    this.#rules.add(rule);
    return () => {
      if (this.#rules.delete(rule)) this.changed();
    };
  }

  /** A rule has changed its mind: all lanes try again. */
  changed(): void {
    for (const lane of [...this.#lanes]) lane.pump();
  }

  attach(lane: Pumped): void {
    this.#lanes.add(lane);
  }

  detach(lane: Pumped): void {
    this.#lanes.delete(lane);
  }

  entered(packet: TappedPacket): void {
    for (const rule of this.#rules) rule.entered?.(packet);
  }

  left(packet: TappedPacket): void {
    for (const rule of this.#rules) rule.left?.(packet);
  }

  /** `wait` outweighs everything; else the first rule that does not let the packet pass decides. */
  decide(packet: TappedPacket): Verdict {
    let verdict: Verdict = 'pass';
    for (const rule of this.#rules) {
      const own = rule.decide(packet);
      if (own === 'wait') return 'wait';
      if (verdict === 'pass') verdict = own;
    }
    return verdict;
  }
}
