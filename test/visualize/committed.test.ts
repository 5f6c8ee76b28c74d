import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { unexplained } from '../../scripts/visualize/gallery.ts';
import * as exports from '../../src/machines/index.ts';

const folder = new URL('../../visualizations/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const machines = Object.values(exports).filter(
  (value): value is AnyStateMachine => typeof value === 'object' && 'root' in value,
);

const nodesOf = (node: AnyStateNode): AnyStateNode[] => [
  node,
  ...Object.values(node.states).flatMap(nodesOf),
];
const unescaped = (text: string) =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
const sorted = (texts: Iterable<string>) => [...texts].sort();

/** Read from the machine itself, not from what it is drawn from. */
function transitionsOf(machine: AnyStateMachine) {
  return nodesOf(machine.root).flatMap((node) =>
    [['', node.always ?? []] as const, ...node.transitions].flatMap(([descriptor, siblings]) =>
      siblings.map((transition, index) => ({
        id: `${node.id}|${descriptor}|${index}`,
        from: node.id,
        to: (transition.target ?? []).map(({ id }) => id),
      })),
    ),
  );
}

function valuesOf(svg: string, attribute: string): string[] {
  return [...svg.matchAll(new RegExp(` ${attribute}="([^"]*)"`, 'g'))].map(([, value = '']) =>
    unescaped(value),
  );
}

describe.each(machines.map((machine) => [machine.id, machine] as const))('the files of %s', (id, machine) => {
  const nodes = nodesOf(machine.root);
  const transitions = transitionsOf(machine);
  const svg = read(`${id}.svg`);

  it('show every state once in the picture, and nothing else', () => {
    expect(sorted(valuesOf(svg, 'data-state'))).toEqual(sorted(nodes.map((node) => node.id)));
  });

  it('show every transition once in the picture, and nothing else', () => {
    expect(sorted(valuesOf(svg, 'data-transition'))).toEqual(sorted(transitions.map((each) => each.id)));
  });

  it('are about as wide as a README', () => {
    const [, width] = /viewBox="0 0 (\d+) /.exec(svg) ?? [];
    expect(Number(width)).toBeLessThan(1_150);
  });

  it('draw an arrow from where a transition leaves to where it leads, and name the target where there is none', () => {
    const byId = new Map(transitions.map((transition) => [transition.id, transition]));
    const arrows = [...svg.matchAll(/data-from="([^"]+)" data-to="([^"]+)" data-transitions="([^"]+)"/g)];
    const drawn = arrows.flatMap(([, from = '', to = '', ids = '']) =>
      ids.split(' ').map((each) => ({ from: unescaped(from), to: unescaped(to), id: unescaped(each) })),
    );
    for (const { from, to, id: of } of drawn) {
      expect(byId.get(of)).toMatchObject({ from, to: expect.arrayContaining([to]) });
    }
    for (const { id: of, from, to } of transitions) {
      const arrowsTo = drawn.filter((arrow) => arrow.id === of).map((arrow) => arrow.to);
      if (arrowsTo.length > 0) expect(arrowsTo, of).toEqual(to);
      else {
        const named = to.filter((target) => target !== from).map((target) => target.replace(`${id}.`, ''));
        for (const name of named) expect(groupOf(svg, of), of).toContain(`→ ${name}`);
      }
    }
  });

  it('are in Mermaid the same states, nested the same way, and the same transitions', () => {
    const { parents, alone, arrows, initial, notes } = parseMermaid(read(`${id}.mmd`));
    expect(alone).toEqual([]);
    const alias = (of: string) => `s_${of.replaceAll('.', '__')}`;
    expect([...parents]).toEqual(
      nodes.map((node) => [alias(node.id), node.parent ? alias(node.parent.id) : '']),
    );
    expect(sorted(initial)).toEqual(
      sorted(
        nodes.flatMap((node) =>
          node.type === 'compound' ? node.initial.target.map((target) => alias(target.id)) : [],
        ),
      ),
    );
    const leaving = transitions.filter(({ from, to }) => to.some((target) => target !== from));
    expect(sorted(arrows)).toEqual(
      sorted(leaving.flatMap(({ from, to }) => to.map((target) => `${alias(from)} ${alias(target)}`))),
    );
    expect(notes).toBe(transitions.length - leaving.length);
  });
});

/** The text of the row of a transition, its lines put together. */
function groupOf(svg: string, id: string): string {
  const [, after = ''] = unescaped(svg).split(`<g data-transition="${id}">`);
  const [inside = ''] = after.split('</g>');
  return inside.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
}

/** Line by line; a line that is none of those that `stateDiagram-v2` knows is in `alone`. */
function parseMermaid(text: string) {
  const parents = new Map<string, string>();
  const [alone, arrows, initial, stack]: string[][] = [[], [], [], []];
  let notes = 0;
  let inNote = false;
  for (const line of text
    .split('\n')
    .slice(2, -1)
    .map((each) => each.trim())) {
    const state = /^state "[^"]+" as (\w+)( \{)?$/.exec(line);
    const arrow = /^(\w+) --> (\w+) : ([^:;"<>{}]|#\d+;)+$/.exec(line);
    if (inNote) {
      if (line === 'end note') inNote = false;
      else if (line.startsWith('on ')) notes += 1;
    } else if (state?.[1]) {
      if (parents.has(state[1])) alone!.push(line);
      parents.set(state[1], stack!.at(-1) ?? '');
      if (state[2]) stack!.push(state[1]);
    } else if (line === '}') stack!.pop();
    else if (arrow) arrows!.push(`${arrow[1]} ${arrow[2]}`);
    else if (line.startsWith('[*] --> ')) initial!.push(line.slice('[*] --> '.length));
    else if (/^note right of \w+$/.test(line)) inNote = true;
    else if (line !== '--' && !/^\w+ --> \[\*\]$/.test(line)) alone!.push(line);
  }
  if (stack!.length > 0) alone!.push(...stack!);
  return { parents, alone: alone!, arrows: arrows!, initial: initial!, notes };
}

describe('the gallery', () => {
  it('shows exactly the machines there are, explained, with their tables, JSON and Mermaid', () => {
    const page = read('README.md');
    const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link);
    const expected = machines.flatMap(({ id }) =>
      ['md', 'json', 'mmd', 'svg'].map((kind) => `${id}.${kind}`),
    );
    expect(sorted(links)).toEqual(sorted(expected));
    expect(sorted(readdirSync(folder))).toEqual(sorted(['README.md', ...expected]));
    expect(unexplained(machines.map(({ id }) => id))).toEqual([]);
  });
});
