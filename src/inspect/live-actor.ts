import { type AnyStateMachine, fromCallback, fromObservable, fromPromise, fromTransition } from 'xstate';
import type { ActorKind, ActorStatus } from './feed.ts';

/** What of a running actor is looked at. It may come from another copy of XState, so nothing is asked for its class. */
export interface LiveActor {
  readonly id: string;
  readonly sessionId: string;
  readonly system: object;
  readonly logic: object;
  /** Who started it. Actors that were started with the option `parent` are in no record of children. */
  readonly _parent?: LiveActor | undefined;
  getSnapshot(): LiveSnapshot;
}

export interface LiveSnapshot {
  readonly status: ActorStatus;
  readonly context?: unknown;
  readonly error?: unknown;
  readonly children?: Readonly<Record<string, LiveActor | undefined>>;
  /** Of a machine: the active state nodes. */
  readonly _nodes?: readonly LiveNode[];
}

export interface LiveNode {
  readonly id: string;
  /** Its place in the machine. */
  readonly order: number;
}

export function isActor(value: unknown): value is LiveActor {
  if (typeof value !== 'object' || value === null) return false;
  const { sessionId, getSnapshot, system } = value as Record<string, unknown>;
  return typeof sessionId === 'string' && typeof getSnapshot === 'function' && canBeInspected(system);
}

function canBeInspected(system: unknown): boolean {
  return typeof (system as { inspect?: unknown } | null | undefined)?.inspect === 'function';
}

/** The first of those that started one another. */
export function rootOf(actor: LiveActor): LiveActor {
  let root = actor;
  while (root._parent !== undefined) root = root._parent;
  return root;
}

/** Its machine; undefined for what is none. */
export function machineOf({ logic }: LiveActor): AnyStateMachine | undefined {
  const isMachine = 'root' in logic && 'config' in logic && 'getStateNodeById' in logic;
  return isMachine ? (logic as AnyStateMachine) : undefined;
}

/** XState says nowhere what a logic was made by: its code does. */
const KINDS = new Map<string, ActorKind>(
  [
    ['promise', fromPromise(() => Promise.resolve())] as const,
    ['callback', fromCallback(() => undefined)] as const,
    ['transition', fromTransition((state) => state, undefined)] as const,
    ['observable', fromObservable(() => ({ subscribe: () => ({ unsubscribe: () => {} }) }))] as const,
  ].map(([kind, logic]) => [codeOf(logic), kind]),
);

const kinds = new WeakMap<object, ActorKind>();

export function kindOf(actor: LiveActor): ActorKind {
  const { logic } = actor;
  const known = kinds.get(logic);
  if (known !== undefined) return known;
  const kind = machineOf(actor) === undefined ? (KINDS.get(codeOf(logic)) ?? 'other') : 'machine';
  kinds.set(logic, kind);
  return kind;
}

function codeOf(logic: object): string {
  const { transition, getInitialSnapshot } = logic as Record<string, unknown>;
  // Of a transition the first is the app's own.
  const made = [getInitialSnapshot, 'start' in logic ? transition : undefined];
  return made
    .map((part) => (typeof part === 'function' ? Function.prototype.toString.call(part) : ''))
    .join('\n');
}
