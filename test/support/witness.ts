// sec:S-7: sees what is printed, every IotError, every client with its snapshots, and every event that an inspector of its
// actors would get. `setup.ts` asks after each test whether a secret was among it.
import { format, inspect } from 'node:util';
import { vi } from 'vitest';
import type { AnyActorRef, InspectionEvent, Snapshot } from 'xstate';
import { secretIn } from './canaries.ts';
import { ShownTexts } from './shown-texts.ts';

/** So many errors of one test are kept; of further ones, only what they say is. */
const MOST_ERRORS = 1_000;

type Printer = (...parameters: never[]) => unknown;

/** All that prints, by its owner and its name. */
const PRINTERS = [
  ...printers(console, 'log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table', 'group'),
  ...printers(process, 'emitWarning'),
  ...printers(process.stdout, 'write'),
  ...printers(process.stderr, 'write'),
];

function printers(owner: object, ...names: readonly string[]) {
  return names.map((name) => [owner as Record<string, Printer>, name] as const);
}

let printed: string[] = [];
let errors: Error[] = [];
let furtherErrors = new Set<string>();
let events = new ShownTexts();
let snapshots = new ShownTexts();
let clients: { readonly client: object; readonly actor: AnyActorRef }[] = [];
let exemption: string | undefined;

/**
 * For a test that shows a secret on purpose, and only for it: says why it has to. Whoever wants to know which tests may
 * looks for the callers.
 */
export function showsSecrets(reason: string): void {
  exemption = reason;
}

/** For what other processes print. */
export function sawPrinted(text: string): void {
  printed.push(text);
}

export function sawClient(client: object, actor: AnyActorRef): void {
  clients.push({ client, actor });
}

/** One inspection event of the actors of a client. Looked at when it comes, as an inspector does. */
export function sawInspected(inspected: InspectionEvent): void {
  if ('event' in inspected) events.add(inspected.event);
  if ('action' in inspected) events.add(inspected.action);
  if ('snapshot' in inspected) sawSnapshot(inspected.snapshot);
}

/** What of a snapshot is its own; the rest are definitions, and actors that show theirs. */
function sawSnapshot(snapshot: Snapshot<unknown>): void {
  const { value, context, output, error, input } = snapshot as Record<string, unknown>;
  snapshots.add([value, context, output, error, input]);
}

export function sawError(error: Error): void {
  if (errors.length < MOST_ERRORS) errors.push(error);
  else furtherErrors.add(`${error.message}\n${String(error.cause)}`);
}

/** One line for each place where a secret was seen since this was last asked. It does not repeat the secret. */
export function secretsSeen(): string[] {
  printed.push(...printedToMocks());
  const found = [
    ...leak('what was printed', printed.join('\n')),
    ...leak('an IotError', textOfErrors()),
    ...leak('a snapshot', textOfSnapshots()),
    ...leak('an inspection event', events.toString()),
    ...leak('a client that is printed', clients.map(({ client }) => inspectDeeply(client)).join('\n')),
  ];
  const isExempt = exemption !== undefined;
  printed = [];
  errors = [];
  furtherErrors = new Set();
  events = new ShownTexts();
  snapshots = new ShownTexts();
  // One that several tests use goes on to be looked at.
  clients = clients.filter(({ actor }) => actor.getSnapshot().status === 'active');
  exemption = undefined;
  return isExempt ? [] : found;
}

function leak(where: string, text: string): string[] {
  const what = secretIn(text);
  return what === undefined ? [] : [`sec:S-7: ${what} is in ${where}`];
}

function textOfErrors(): string {
  const texts = new ShownTexts();
  for (const error of errors) {
    texts.add(error);
    texts.add(JSON.stringify(error));
  }
  return [texts.toString(), ...furtherErrors].join('\n');
}

function textOfSnapshots(): string {
  for (const { actor } of clients) {
    sawSnapshot(actor.getSnapshot());
    snapshots.add(JSON.stringify(actor.getPersistedSnapshot()));
  }
  return snapshots.toString();
}

const inspectDeeply = (value: object): string =>
  inspect(value, { depth: 6, maxArrayLength: 1_000, maxStringLength: null });

/** Begins to see what is printed. Gives back the way to end it. */
export function watchPrinting(): () => void {
  const ends = PRINTERS.map(([owner, name]) => watchCalls(owner, name));
  return () => {
    for (const end of ends) end();
  };
}

function watchCalls(owner: Record<string, Printer>, name: string): () => void {
  const plain = owner[name];
  if (plain === undefined) throw new Error(`there is no ${name}`);
  owner[name] = function (this: unknown, ...parameters: never[]) {
    printed.push(asPrinted(parameters));
    return plain.apply(this, parameters);
  };
  return () => {
    owner[name] = plain;
  };
}

/** What the test put itself in the place of, and so went by ours. */
function printedToMocks(): string[] {
  const calls = PRINTERS.map(([owner, name]) => owner[name]).flatMap((printer) =>
    vi.isMockFunction(printer) ? printer.mock.calls : [],
  );
  return calls.map(asPrinted);
}

const asPrinted = (parameters: readonly unknown[]): string =>
  format(...parameters.map((each) => (each instanceof Uint8Array ? Buffer.from(each).toString() : each)));
