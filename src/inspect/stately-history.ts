/** A message as `@statelyai/inspect` makes it; it is plain JSON. */
export interface StatelyMessage {
  readonly type: string;
  readonly sessionId: string;
  readonly snapshot?: unknown;
  readonly event?: unknown;
}

interface KnownActor {
  readonly announced: StatelyMessage;
  newest: unknown;
}

interface Kept {
  readonly text: string;
  readonly type: string;
  readonly sessionId: string;
  /** Nothing comes from this actor any more. */
  readonly isLast: boolean;
}

const MAX_MESSAGES = 1_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;

/**
 * What somebody must be told who comes late: each actor that lives, with its definition and its newest snapshot, however long ago it was
 * started; and then the newest messages. An actor that has ended stays as long as one of them is about it.
 */
export class StatelyHistory {
  readonly #actors = new Map<string, KnownActor>();
  readonly #kept: Kept[] = [];
  #characters = 0;

  /** @returns the message as it is sent */
  add(message: StatelyMessage): string {
    const { type, sessionId } = message;
    const actor = this.#actors.get(sessionId);
    if (type === '@xstate.actor')
      this.#actors.set(sessionId, { announced: message, newest: message.snapshot });
    else if (type === '@xstate.snapshot' && actor !== undefined) actor.newest = message.snapshot;
    const text = JSON.stringify(message);
    this.#kept.push({ text, type, sessionId, isLast: hasEnded(message) });
    this.#characters += text.length;
    while (this.#kept.length > MAX_MESSAGES || this.#characters > MAX_CHARACTERS) this.#forget();
    return text;
  }

  replay(): readonly string[] {
    const actors = [...this.#actors.values()].map(({ announced, newest }) =>
      JSON.stringify({ ...announced, snapshot: newest }),
    );
    const messages = this.#kept.filter(({ type }) => type !== '@xstate.actor').map(({ text }) => text);
    return [...actors, ...messages];
  }

  #forget(): void {
    const oldest = this.#kept.shift();
    if (oldest === undefined) return;
    this.#characters -= oldest.text.length;
    if (oldest.isLast) this.#actors.delete(oldest.sessionId);
  }
}

/** Some kinds of actors stay active when they are stopped. */
function hasEnded({ type, snapshot, event }: StatelyMessage): boolean {
  if (type === '@xstate.event') return false;
  const { status } = Object(snapshot) as { readonly status?: unknown };
  const { type: last } = Object(event) as { readonly type?: unknown };
  return (status !== 'active' && status !== undefined) || last === 'xstate.stop';
}
