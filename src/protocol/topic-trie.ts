import { parseSharedFilter } from './topics.ts';

/** One level of the filters that begin alike. */
interface Node<T> {
  /** The next levels, by their text; `+` and `#` have fields of their own, so that no topic can name them. */
  named: Map<string, Node<T>> | undefined;
  plus: Node<T> | undefined;
  hash: Node<T> | undefined;
  /** What was added under the filter that ends here. Apart from the shared ones: one table less on the way of a message. */
  values: Set<T> | undefined;
  /** What was added under shared filters that end here, by their group. */
  shared: Map<string, Set<T>> | undefined;
}

const DOLLAR = 0x24;

/**
 * A set of pairs (filter, value) that answers "whose filters match this topic?" in time that depends on the depth of the
 * topic and not on how many filters there are. It matches as `matches` in topics.ts does (MQTT 4.7). Filters and topics
 * must be valid. Any depth is safe: nothing here recurses.
 */
export class TopicTrie<T> {
  readonly #root: Node<T> = emptyNode();
  #size = 0;

  /** How many pairs there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a pair. Returns whether it is new; a pair is in the trie at most once. */
  add(filter: string, value: T): boolean {
    const { group, levels } = routeOf(filter);
    let node = this.#root;
    for (const level of levels) node = child(node, level) ?? addChild(node, level);
    const values = valuesOf(node, group);
    if (values.has(value)) return false;
    values.add(value);
    this.#size += 1;
    return true;
  }

  /** Removes a pair, and the branch that it leaves empty. Returns whether it was there. */
  delete(filter: string, value: T): boolean {
    const { group, levels } = routeOf(filter);
    const path = [this.#root];
    for (const level of levels) {
      const next = child(path[path.length - 1] as Node<T>, level);
      if (next === undefined) return false;
      path.push(next);
    }
    if (!deleteValue(path[path.length - 1] as Node<T>, group, value)) return false;
    this.#size -= 1;
    prune(path, levels);
    return true;
  }

  /** The values of all filters that match a topic, in no promised order, each once for every filter it is under. */
  match(topic: string): T[] {
    const found: T[] = [];
    // All nodes that the levels so far lead to. Each level is cut out of the topic once, however many nodes there are.
    let here: Node<T>[] = [this.#root];
    let start = 0;
    let slash = 0;
    while (slash !== -1 && here.length > 0) {
      slash = topic.indexOf('/', start);
      const level = slash === -1 ? topic.slice(start) : topic.slice(start, slash);
      const wildcards = start > 0 || topic.charCodeAt(0) !== DOLLAR;
      here = descend(here, level, wildcards, found);
      start = slash + 1;
    }
    for (const node of here) {
      collect(node, found);
      // "sport/#" also matches "sport".
      collect(node.hash, found);
    }
    return found;
  }
}

/** The nodes one level below, `wildcards` permitting; the values of each `#` on the way, which takes all the rest. */
function descend<T>(nodes: readonly Node<T>[], level: string, wildcards: boolean, found: T[]): Node<T>[] {
  const below: Node<T>[] = [];
  for (const node of nodes) {
    const named = node.named?.get(level);
    if (named !== undefined) below.push(named);
    if (!wildcards) continue;
    if (node.plus !== undefined) below.push(node.plus);
    collect(node.hash, found);
  }
  return below;
}

function emptyNode<T>(): Node<T> {
  return { named: undefined, plus: undefined, hash: undefined, values: undefined, shared: undefined };
}

/** Where a filter lives: `$share/g/f` at the levels of `f`, apart from `f` itself and from other groups. */
function routeOf(filter: string): { group: string | undefined; levels: string[] } {
  const shared = parseSharedFilter(filter);
  return { group: shared?.group, levels: (shared?.filter ?? filter).split('/') };
}

/** The values of a filter that ends at a node, to add to. */
function valuesOf<T>(node: Node<T>, group: string | undefined): Set<T> {
  if (group === undefined) {
    node.values ??= new Set();
    return node.values;
  }
  node.shared ??= new Map();
  const values = node.shared.get(group) ?? new Set<T>();
  node.shared.set(group, values);
  return values;
}

function child<T>(node: Node<T>, level: string): Node<T> | undefined {
  if (level === '+') return node.plus;
  if (level === '#') return node.hash;
  return node.named?.get(level);
}

function addChild<T>(node: Node<T>, level: string): Node<T> {
  const added = emptyNode<T>();
  if (level === '+') node.plus = added;
  else if (level === '#') node.hash = added;
  else {
    node.named ??= new Map();
    node.named.set(level, added);
  }
  return added;
}

function deleteChild<T>(node: Node<T>, level: string): void {
  if (level === '+') node.plus = undefined;
  else if (level === '#') node.hash = undefined;
  else if (node.named?.delete(level) && node.named.size === 0) node.named = undefined;
}

function deleteValue<T>(node: Node<T>, group: string | undefined, value: T): boolean {
  const values = group === undefined ? node.values : node.shared?.get(group);
  if (!values?.delete(value)) return false;
  if (values.size > 0) return true;
  if (group === undefined) node.values = undefined;
  else if (node.shared?.delete(group) && node.shared.size === 0) node.shared = undefined;
  return true;
}

/** Removes the empty end of a path; `levels[i]` led from `path[i]` to `path[i + 1]`. */
function prune<T>(path: readonly Node<T>[], levels: readonly string[]): void {
  for (let i = levels.length; i > 0; i--) {
    if (!isEmpty(path[i] as Node<T>)) return;
    deleteChild(path[i - 1] as Node<T>, levels[i - 1] as string);
  }
}

function isEmpty<T>({ named, plus, hash, values, shared }: Node<T>): boolean {
  return [named, plus, hash, values, shared].every((part) => part === undefined);
}

function collect<T>(node: Node<T> | undefined, found: T[]): void {
  if (node === undefined) return;
  if (node.values !== undefined) for (const value of node.values) found.push(value);
  if (node.shared === undefined) return;
  for (const values of node.shared.values()) {
    for (const value of values) found.push(value);
  }
}
