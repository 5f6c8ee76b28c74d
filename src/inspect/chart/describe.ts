import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { idOfTransition } from './transition-id.ts';

/** A machine as plain data: what the picture and the table are made from, and what a review sees change. */
export interface MachineDescription {
  readonly machine: string;
  readonly states: readonly StateDescription[];
  readonly transitions: readonly TransitionDescription[];
  readonly delays: Readonly<Record<string, number | 'computed'>>;
}

export interface StateDescription {
  readonly id: string;
  readonly key: string;
  readonly parent: string | null;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly initial: string | null;
  readonly tags: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly InvokeDescription[];
}

export interface InvokeDescription {
  readonly src: string;
  readonly id: string;
}

export interface TransitionDescription {
  /** As {@link transitionId} computes it from what XState reports. */
  readonly id: string;
  readonly from: string;
  /** As a reader says it: `connect`, `after retry`, `done flush`, `error transport`, `always`. */
  readonly event: string;
  /** As XState matches it; empty for an eventless transition. */
  readonly descriptor: string;
  readonly guard: string | null;
  readonly actions: readonly string[];
  /** Empty when the transition stays where it is. */
  readonly targets: readonly string[];
  readonly reenter: boolean;
  readonly delayed: boolean;
  readonly error: boolean;
}

/** What has no name in the machine is shown as this, and warned about. */
const unnamed = '…';

export function describe(machine: AnyStateMachine): { description: MachineDescription; warnings: string[] } {
  const warnings: string[] = [];
  const nodes = documentOrder(machine.root);
  const states = nodes.map((node) => describeState(node, warnings));
  const transitions = nodes.flatMap((node) => describeTransitions(node, warnings));
  return {
    description: { machine: machine.id, states, transitions, delays: describeDelays(machine) },
    warnings,
  };
}

function documentOrder(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(documentOrder)];
}

function describeState(node: AnyStateNode, warnings: string[]): StateDescription {
  const warn = (what: string) => warnings.push(`${node.id}: ${what}`);
  return {
    id: node.id,
    key: node.key,
    parent: node.parent?.id ?? null,
    type: node.type,
    initial: node.type === 'compound' ? (node.initial.target[0]?.id ?? null) : null,
    tags: [...node.tags],
    // From the configuration: XState adds the starting and stopping of `after` timers to node.entry and node.exit.
    entry: list(node.config.entry).map((action) => actionName(action, warn)),
    exit: list(node.config.exit).map((action) => actionName(action, warn)),
    invokes: node.invoke.map(({ src, id }) => ({ src: actorName(src, warn), id })),
  };
}

function describeTransitions(node: AnyStateNode, warnings: string[]): TransitionDescription[] {
  const delays = Object.keys(node.machine.implementations.delays);
  const warn = (what: string) => warnings.push(`${node.id}: ${what}`);
  const actors = new Map(
    node.invoke.map(({ id, src }) => [id, actorId({ id, src: typeof src === 'string' ? src : unnamed })]),
  );
  const always = ['', node.always ?? []] as const;
  const transitions = [always, ...node.transitions].flatMap(([descriptor, siblings]) =>
    siblings.map((transition, index) => ({ transition, descriptor, index })),
  );
  for (const { delay } of node.after) {
    if (typeof delay === 'string' && !delays.includes(delay)) {
      warn(`delay "${delay}" is not in delays: it would pass at once`);
    }
  }
  return transitions.map(({ transition, descriptor, index }) => ({
    id: idOfTransition(node.id, descriptor, index),
    from: node.id,
    event: eventLabel(descriptor, node, actors),
    descriptor,
    guard: transition.guard === undefined ? null : guardName(transition.guard, warn),
    actions: transition.actions.map((action: unknown) => actionName(action, warn)),
    targets: (transition.target ?? []).map((target: AnyStateNode) => target.id),
    reenter: transition.reenter,
    delayed: descriptor.startsWith('xstate.after.'),
    error: descriptor.startsWith('xstate.error.'),
  }));
}

/** What an invoked actor is called in `done flush`; without an id of its own it goes by its source. */
function actorId({ src, id }: InvokeDescription): string {
  return /^\d+\./.test(id) ? src : id;
}

/** An invoked actor as a reader meets it: by its source, and by its id where that is another. */
export function invokeName(invoke: InvokeDescription): string {
  const id = actorId(invoke);
  return id === invoke.src ? id : `${invoke.src} (${id})`;
}

function eventLabel(descriptor: string, node: AnyStateNode, actors: ReadonlyMap<string, string>): string {
  if (descriptor === '') return 'always';
  if (descriptor === `xstate.done.state.${node.id}`) return 'done';
  const after = stripPrefix(descriptor, 'xstate.after.');
  if (after !== undefined) {
    const delay = after.slice(0, -`.${node.id}`.length);
    return /^\d+$/.test(delay) ? `after ${delay} ms` : `after ${delay}`;
  }
  for (const fact of ['done', 'error', 'snapshot']) {
    const actor =
      stripPrefix(descriptor, `xstate.${fact}.actor.`) ?? stripPrefix(descriptor, `xstate.${fact}.`);
    if (actor !== undefined) return `${fact} ${actors.get(actor) ?? actor}`;
  }
  return descriptor;
}

function stripPrefix(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

function describeDelays(machine: AnyStateMachine): Record<string, number | 'computed'> {
  const delays: Record<string, unknown> = machine.implementations.delays;
  return Object.fromEntries(
    Object.entries(delays).map(([name, delay]) => [name, typeof delay === 'number' ? delay : 'computed']),
  );
}

function list(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function actionName(action: unknown, warn: (what: string) => void): string {
  return referenceName(action) ?? anonymous('action', warn);
}

function actorName(src: unknown, warn: (what: string) => void): string {
  // XState gives inline logic a name of its own making.
  return typeof src === 'string' && !src.startsWith('xstate.invoke.') ? src : anonymous('actor', warn);
}

function guardName(guard: unknown, warn: (what: string) => void): string {
  const name = referenceName(guard);
  if (name !== undefined) return name;
  const { check, guards = [], stateValue } = guard as GuardCombinator;
  if (check === undefined) return anonymous('guard', warn);
  if (stateValue !== undefined) return `in ${JSON.stringify(stateValue).replaceAll('"', '')}`;
  const parts = guards.map((part) => guardName(part, warn));
  const combinator = (guard as { name: string }).name;
  const nested = (part: string) => (/ (and|or) /.test(part) ? `(${part})` : part);
  return combinator === 'not' ? `not ${nested(parts[0] ?? '')}` : parts.map(nested).join(` ${combinator} `);
}

/** The functions that XState's `and`, `or`, `not` and `stateIn` return. */
interface GuardCombinator {
  readonly check?: unknown;
  readonly guards?: readonly unknown[];
  readonly stateValue?: unknown;
}

function referenceName(reference: unknown): string | undefined {
  if (typeof reference === 'string') return reference;
  if (typeof reference !== 'object' || reference === null || !('type' in reference)) return undefined;
  const params = 'params' in reference ? reference.params : undefined;
  if (typeof params !== 'object' || params === null) return String(reference.type);
  const entries = Object.entries(params).map(([name, value]) => [name, plainValue(value)] as const);
  const [only] = entries;
  const shown =
    entries.length === 1 && only ? only[1] : entries.map(([name, value]) => `${name}: ${value}`).join(', ');
  return `${String(reference.type)}(${shown})`;
}

/** An event by its type, other values as in JSON without the quotes. */
function plainValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const keys = Object.keys(value);
  if (keys.length === 1 && 'type' in value) return String(value.type);
  return JSON.stringify(value)
    .replaceAll('"', '')
    .replaceAll(/([:,])/g, '$1 ');
}

function anonymous(what: string, warn: (what: string) => void): string {
  warn(`an ${what === 'guard' ? 'unnamed guard' : `unnamed ${what}`}`);
  return unnamed;
}
