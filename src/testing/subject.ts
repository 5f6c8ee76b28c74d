import type { AnyMachineSnapshot } from 'xstate';
import { invalid } from '../protocol/errors.ts';

import type { ModelEvent } from './graph.ts';
import { placeOf } from './place-of.ts';

/** One step of a path. */
export interface TestStep {
  readonly event: ModelEvent;
  /** Where the model is before the event, and after it. */
  readonly from: AnyMachineSnapshot;
  readonly state: AnyMachineSnapshot;
  /** The names of the transitions that the machine takes. */
  readonly transitions: readonly string[];
  /** The event in words. */
  readonly description: string;
}

/** Which path a subject is to go. */
export interface SubjectPath {
  /** Its events in words, and where they lead: another one for each path. */
  readonly description: string;
  /** At least one. */
  readonly steps: readonly TestStep[];
  /** Where the path ends. */
  readonly state: AnyMachineSnapshot;
}

/**
 * What is tested: it makes the event of a step happen, and says in what state it is then. Everything may be asynchronous;
 * after each step the test waits until the subject agrees with the model.
 */
export interface Subject {
  /** Before a path: puts the subject where every path begins. */
  begin?(path: SubjectPath): unknown;
  /** Makes happen what the event says. */
  perform(event: ModelEvent, step: TestStep): unknown;
  /** What the subject says it is in: a state value as of the machine, or whatever `accepts` can judge. */
  state(): unknown;
  /**
   * Whether what `state()` said is right for a state of the model. Default: it is the same state value. For a page:
   * `accepts: (model, shown) => shown === (model.matches('backingOff') ? 'offline' : 'online')`.
   */
  accepts?(model: AnyMachineSnapshot, state: unknown): boolean;
  /** What else must be true after a step; throws when it is not. */
  check?(step: TestStep): unknown;
  /**
   * After a path, also one that failed: leaves nothing behind. `failure` is what went wrong, undefined when nothing did:
   * what else must be true in the end is looked at only then.
   */
  end?(path: SubjectPath, failure: Error | undefined): unknown;
}

/** How a path is tested. */
export interface PathTestOptions {
  /** How long after an event the subject may take until it agrees with the model, in milliseconds. Default 5,000. */
  readonly stepTimeoutMs?: number;
}

// Those of the process: a test may have put others in their place, and its clock stands still.
const { setTimeout: later, performance } = globalThis;
const now = performance.now.bind(performance);

/** Turns of the event loop that are waited for before time is. */
const TURNS = 50;
const TURN_MS = 2;

/** Goes a path with a subject. Rejects with the first step that goes wrong, and says which. */
export async function goPath(
  path: SubjectPath,
  subject: Subject,
  { stepTimeoutMs = 5_000 }: PathTestOptions = {},
): Promise<void> {
  const given = Object(subject) as Readonly<Record<string, unknown>>;
  for (const method of ['perform', 'state'])
    if (typeof given[method] !== 'function') throw invalid(`subject.${method}`, 'a function', given[method]);
  if (!(stepTimeoutMs > 0)) throw invalid('stepTimeoutMs', 'a number above 0', stepTimeoutMs);
  let failure: Error | undefined;
  try {
    await subject.begin?.(path);
    for (const [index, step] of path.steps.entries()) await goStep(path, index, step, subject, stepTimeoutMs);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  try {
    await subject.end?.(path, failure);
  } catch (error) {
    // What went wrong first is what there is to see.
    throw failure ?? error;
  }
  if (failure !== undefined) throw failure;
}

async function goStep(
  path: SubjectPath,
  index: number,
  step: TestStep,
  subject: Subject,
  stepTimeoutMs: number,
): Promise<void> {
  try {
    await subject.perform(step.event, step);
    const is = await agreement(subject, step.state, stepTimeoutMs);
    if (is !== AGREED) throw new Error(`expected ${placeOf(step.state)}, and the subject says ${shown(is)}`);
    await subject.check?.(step);
  } catch (error) {
    const before = path.steps.slice(0, index + 1).map(({ description }) => description);
    const what = error instanceof Error ? error.message : String(error);
    throw new Error(`after ${before.join(', ')}: ${what}`, { cause: error });
  }
}

const AGREED = Symbol('agreed');

/** What the subject says in the end, unless it agrees. */
async function agreement(
  subject: Subject,
  model: AnyMachineSnapshot,
  stepTimeoutMs: number,
): Promise<unknown> {
  const end = now() + stepTimeoutMs;
  for (let turn = 0; ; turn++) {
    const is = await subject.state();
    if (subject.accepts?.(model, is) ?? isSameState(is, model)) return AGREED;
    if (now() >= end) return is;
    await new Promise((resolve) => later(resolve, turn < TURNS ? 0 : TURN_MS));
  }
}

function isSameState(is: unknown, model: AnyMachineSnapshot): boolean {
  return JSON.stringify(is) === JSON.stringify(model.value);
}

function shown(is: unknown): string {
  if (typeof is === 'string') return is;
  try {
    return placeOf({ value: is as never });
  } catch {
    return String(JSON.stringify(is));
  }
}
