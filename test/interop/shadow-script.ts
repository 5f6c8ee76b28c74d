// What is done to a shadow, one step after the other, and what AWS IoT Core makes of it: data, for every client that there is.
import type {
  JsonObject,
  JsonValue,
  SectionsChange,
  ShadowSections,
} from '../../src/protocol/shadow-state.ts';

type Operation = 'get' | 'update' | 'delete';

/** What is asked for. */
export interface Request {
  readonly operation: Operation;
  readonly state?: SectionsChange;
  /** The version that the shadow must have. */
  readonly version?: number;
}

/** What came of it: without tokens, timestamps and metadata, which are checked where they come in. */
export type Outcome =
  | { readonly accepted: Readonly<Record<string, unknown>> }
  | { readonly rejected: Rejected }
  /** There is none to get. */
  | { readonly nothing: true }
  /** It was not asked for, or not answered. */
  | { readonly failed: string };

interface Rejected {
  readonly code: number;
  readonly message: string;
}

export interface Delta {
  readonly version: number;
  readonly state: JsonObject;
}

interface Version {
  readonly version: number;
  readonly state: ShadowSections;
}

export interface Documents {
  readonly previous: Version | null;
  readonly current: Version;
}

/** A step, and all that a client sees of it. */
export interface Step {
  /** What it is about; unlike those of all others. */
  readonly what: string;
  readonly request: Request;
  readonly outcome: Outcome;
  readonly delta?: Delta;
  readonly documents?: Documents;
}

/** Writes steps down, and what they make of the shadow. */
class Script {
  readonly steps: Step[] = [];
  #current: Version | null = null;
  #delta: JsonObject | undefined;

  gets(what: string): this {
    const { version, state } = this.#shadow;
    const delta = this.#delta === undefined ? {} : { delta: this.#delta };
    return this.#add(what, { operation: 'get' }, { accepted: { version, state: { ...state, ...delta } } });
  }

  getsNothing(what: string): this {
    return this.#add(what, { operation: 'get' }, { nothing: true });
  }

  /** @param becomes the whole document, and what is desired and not reported */
  updates(
    what: string,
    state: SectionsChange,
    becomes: { readonly version: number; readonly delta?: JsonObject } & ShadowSections,
    onlyVersion?: number,
  ): this {
    const { version, delta, ...sections } = becomes;
    const previous = this.#current;
    this.#current = { version, state: sections };
    this.#delta = delta;
    this.steps.push({
      what,
      request: { operation: 'update', state, ...(onlyVersion === undefined ? {} : { version: onlyVersion }) },
      outcome: { accepted: { version, state } },
      ...(delta === undefined ? {} : { delta: { version, state: delta } }),
      documents: { previous, current: this.#current },
    });
    return this;
  }

  isRejected(what: string, request: Request, code: number, message: string): this {
    return this.#add(what, request, { rejected: { code, message } });
  }

  deletes(what: string): this {
    const { version } = this.#shadow;
    this.#current = null;
    this.#delta = undefined;
    return this.#add(what, { operation: 'delete' }, { accepted: { version } });
  }

  get #shadow(): Version {
    if (this.#current === null) throw new Error('the script has no shadow here');
    return this.#current;
  }

  #add(what: string, request: Request, outcome: Outcome): this {
    this.steps.push({ what, request, outcome });
    return this;
  }
}

/** So many objects inside of one another. */
export function nested(levels: number): JsonObject {
  return levels === 1 ? { end: true } : { in: nested(levels - 1) };
}

export const bytesOf = (value: JsonValue): number => Buffer.byteLength(JSON.stringify(value));

const long = 'ä'.repeat(2_600);
const tooLong = { text: 'long', end: long };
const bothTooLong = bytesOf({ text: long }) + bytesOf(tooLong);

/**
 * The life of a shadow.
 *
 * @param name as AWS calls it in an error
 */
export function lifeOf(name: string): readonly Step[] {
  const noShadow = `No shadow exists with name: '${name}'`;
  const colour = { r: 1, g: 2 };
  const list = [{ a: 1 }, { b: [2, 'two'] }];
  return new Script()
    .getsNothing('a get of nothing')
    .isRejected('a delete of nothing', { operation: 'delete' }, 404, noShadow)
    .isRejected(
      'the first update with a version other than 1',
      { operation: 'update', state: { desired: { power: 'on' } }, version: 7 },
      400,
      'Invalid version',
    )
    .updates(
      'desired state makes the shadow',
      { desired: { power: 'on', colour } },
      { version: 1, desired: { power: 'on', colour }, delta: { power: 'on', colour } },
    )
    .gets('a get with a delta')
    .updates(
      'a part is reported',
      { reported: { power: 'on' } },
      { version: 2, desired: { power: 'on', colour }, reported: { power: 'on' }, delta: { colour } },
    )
    .updates(
      'a part of a nested object is reported, and another one as something else',
      { reported: { colour: { r: 1, g: 9 } } },
      {
        version: 3,
        desired: { power: 'on', colour },
        reported: { power: 'on', colour: { r: 1, g: 9 } },
        delta: { colour: { g: 2 } },
      },
    )
    .updates(
      'both sections at once',
      { desired: { power: null, level: 5 }, reported: { colour: { g: 2 }, level: 5 } },
      { version: 4, desired: { colour, level: 5 }, reported: { power: 'on', colour, level: 5 } },
    )
    .gets('a get without a delta')
    .updates(
      'the version that it has',
      { desired: { level: 6 } },
      {
        version: 5,
        desired: { colour, level: 6 },
        reported: { power: 'on', colour, level: 5 },
        delta: { level: 6 },
      },
      4,
    )
    .isRejected(
      'a version that it no longer has',
      { operation: 'update', state: { desired: { level: 7 } }, version: 4 },
      409,
      'Version conflict',
    )
    .isRejected(
      'version 0',
      { operation: 'update', state: { desired: { level: 7 } }, version: 0 },
      409,
      'Version conflict',
    )
    .updates(
      'the desired state that there is',
      { desired: { level: 6 } },
      {
        version: 6,
        desired: { colour, level: 6 },
        reported: { power: 'on', colour, level: 5 },
        delta: { level: 6 },
      },
    )
    .updates(
      'null for what is there, at any level, and for what is not',
      { desired: { level: null, ghost: null, colour: { g: null } }, reported: { power: null, level: null } },
      { version: 7, desired: { colour: { r: 1 } }, reported: { colour } },
    )
    .updates(
      'an array, and values of each kind',
      { desired: { list, text: 'ä\u0000"', yes: true, number: -1.5e-7, constructor: 1, '': {} } },
      {
        version: 8,
        desired: {
          colour: { r: 1 },
          list,
          text: 'ä\u0000"',
          yes: true,
          number: -1.5e-7,
          constructor: 1,
          '': {},
        },
        reported: { colour },
        delta: { list, text: 'ä\u0000"', yes: true, number: -1.5e-7, constructor: 1, '': {} },
      },
    )
    .updates(
      'an array that is different in one place, and the values',
      {
        reported: { list: [{ a: 1 }, { b: [2] }], text: 'ä\u0000"', yes: 1, number: -1.5e-7, constructor: 1 },
      },
      {
        version: 9,
        desired: {
          colour: { r: 1 },
          list,
          text: 'ä\u0000"',
          yes: true,
          number: -1.5e-7,
          constructor: 1,
          '': {},
        },
        reported: {
          colour,
          list: [{ a: 1 }, { b: [2] }],
          text: 'ä\u0000"',
          yes: 1,
          number: -1.5e-7,
          constructor: 1,
        },
        delta: { list, yes: true, '': {} },
      },
    )
    .updates(
      'null removes a section',
      { desired: null, reported: { list: [], text: null, yes: null, number: null, constructor: null } },
      { version: 10, reported: { colour, list: [] } },
    )
    .gets('a get of one section')
    .updates(
      'a scalar and an empty object in place of an object and an array',
      { desired: { colour: 'red', list: {} } },
      {
        version: 11,
        desired: { colour: 'red', list: {} },
        reported: { colour, list: [] },
        delta: { colour: 'red', list: {} },
      },
    )
    .updates('null removes everything, and the shadow stays', null, { version: 12 })
    .gets('a get of an empty document')
    .updates('an update that says nothing', {}, { version: 13 })
    .updates('six levels', { reported: nested(6) }, { version: 14, reported: nested(6) })
    .isRejected(
      'seven levels',
      { operation: 'update', state: { desired: nested(7) } },
      400,
      'JSON contains too many levels of nesting; maximum is 6',
    )
    .updates(
      'a long text of more bytes than characters',
      { desired: { text: long }, reported: null },
      { version: 15, desired: { text: long }, delta: { text: long } },
    )
    .isRejected(
      'more than 8 KB with what is there',
      { operation: 'update', state: { reported: tooLong } },
      413,
      `Json document too large.  Size is ${bothTooLong}, max allowed: 8192`,
    )
    .gets('a get after what was refused')
    .deletes('a delete')
    .getsNothing('a get after the delete')
    .isRejected('a second delete', { operation: 'delete' }, 404, noShadow)
    .updates(
      'made anew, it counts on: the delete has a number too',
      { desired: { power: 'off' } },
      { version: 17, desired: { power: 'off' }, delta: { power: 'off' } },
    )
    .updates(
      'what was made anew is changed',
      { desired: { power: 'on' } },
      { version: 18, desired: { power: 'on' }, delta: { power: 'on' } },
    ).steps;
}
