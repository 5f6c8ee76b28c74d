import type { ActorView, ClientView } from '../feed.ts';

/** What a state means for who looks: all is well, something is under way, waiting, broken, or nothing is meant to happen. */
export type Tone = 'well' | 'busy' | 'waiting' | 'bad' | 'quiet';

interface Words {
  readonly title: string;
  readonly sentence: string;
  readonly tone: Tone;
}

const WORDS: Readonly<Record<string, Words>> = {
  idle: { title: 'Idle', sentence: 'Nobody has asked for a line.', tone: 'quiet' },
  connecting: { title: 'Connecting', sentence: 'Trying to reach the broker.', tone: 'busy' },
  resubscribing: { title: 'Resubscribing', sentence: 'Asking for the wanted filters again.', tone: 'busy' },
  draining: { title: 'Draining', sentence: 'Sending what had to wait.', tone: 'busy' },
  live: { title: 'Live', sentence: 'Messages flow freely.', tone: 'well' },
  backingOff: { title: 'Backing off', sentence: 'Waiting for the next attempt.', tone: 'waiting' },
  disconnecting: { title: 'Disconnecting', sentence: 'Finishing what is in flight.', tone: 'busy' },
  failed: { title: 'Failed', sentence: 'Only another connect() tries again.', tone: 'bad' },
  closed: { title: 'Closed', sentence: 'For good.', tone: 'quiet' },
};

export function wordsOf({ state }: Pick<ClientView, 'state'>): Words {
  return WORDS[state] ?? { title: state, sentence: '', tone: 'quiet' };
}

/** Which attempt is meant: while it backs off, `attempt` of them have failed. */
export function attemptWords({ state, attempt }: Pick<ClientView, 'state' | 'attempt'>): string {
  if (attempt === null) return '';
  if (state === 'connecting') return `attempt ${attempt}`;
  return attempt === 1 ? '1 attempt failed' : `${attempt} attempts failed`;
}

/** The ids of those active states that have no active state in them. */
export function leaves(states: readonly string[]): readonly string[] {
  return states.filter((state) => !states.some((other) => other.startsWith(`${state}.`)));
}

/** A state without the name of its machine: `line.connecting`; the machine's own when it is the root. */
export function shortState(state: string): string {
  const dot = state.indexOf('.');
  return dot < 0 ? state : state.slice(dot + 1);
}

/** Where an actor stands, in as few words as tell it: the last two names of a leaf, or of several the last one of each. */
export function summary({ kind, status, states }: Pick<ActorView, 'kind' | 'status' | 'states'>): string {
  if (status !== 'active') return status === 'error' ? 'failed' : status;
  if (kind !== 'machine') return kind;
  const active = leaves(states).map(shortState);
  const count = active.length === 1 ? 2 : 1;
  return active.map((state) => state.split('.').slice(-count).join('.')).join(' · ');
}
