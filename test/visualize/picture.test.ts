import { beforeAll, describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { describe as describeMachine } from '../../src/inspect/chart/describe.ts';
import { quickLayout } from '../../src/inspect/chart/layout.ts';
import { headerSize, type Picture, type Rectangle } from '../../src/inspect/chart/picture.ts';
import { toSvg } from '../../src/inspect/chart/svg.ts';
import { sampleMachine } from '../support/sample-machine.ts';

const { description } = describeMachine(sampleMachine);

describe('the picture of a machine', () => {
  let picture: Picture;
  beforeAll(async () => {
    picture = (await quickLayout(description))!;
  });

  it('has a box for each state, inside the box of its parent', () => {
    expect(picture.boxes.map(({ id }) => id)).toEqual(description.states.map(({ id }) => id));
    for (const box of picture.boxes) {
      const parent = picture.boxes.find(({ id }) => id === box.parent);
      if (parent) expect(contains(parent, box), `${box.id} in ${parent.id}`).toBe(true);
    }
  });

  it('has an arrow to each initial state', () => {
    const initial = description.states.filter((state) => state.initial !== null);
    expect(picture.edges.filter(({ kind }) => kind === 'initial')).toHaveLength(initial.length);
    expect(picture.dots).toHaveLength(initial.length);
  });

  it('names every event on an arrow to its target, or in its box together with the target', () => {
    for (const { id, from, targets } of description.transitions) {
      const arrows = picture.edges.filter(({ transitions }) => transitions.includes(id));
      const rows = [...picture.boxes, ...arrows.flatMap(({ label }) => label ?? [])]
        .flatMap((place) => place.rows)
        .filter(({ transition }) => transition === id);
      expect(rows.length, id).toBeGreaterThan(0);
      const away = targets.filter((target) => target !== from).map((target) => target.replace('sample.', ''));
      const text = rows.map((row) => row.text).join(' ');
      const named = arrows.length > 0 ? arrows.map(({ to }) => to.replace('sample.', '')) : away;
      expect(named).toEqual(away);
      for (const target of arrows.length > 0 ? [] : away) expect(text).toContain(`→ ${target}`);
    }
  });

  it('lets no label cover another, nor a state without children', () => {
    const leaves = picture.boxes.filter(({ type }) => type === 'atomic' || type === 'final');
    const labels = picture.edges.flatMap(({ label, from, to }) =>
      label ? [{ ...label, id: `${from} -> ${to}` }] : [],
    );
    const things = [...labels, ...leaves];
    for (const [index, label] of labels.entries()) {
      for (const other of things.slice(index + 1)) {
        expect(overlap(label, other), `${label.id} and ${other.id}`).toBe(false);
      }
    }
  });

  it('has room for all text of a state, also where a child is narrower than the header above it', async () => {
    const narrow = createMachine({
      id: 'narrow',
      initial: 'outer',
      states: {
        outer: {
          entry: 'doSomethingWithAVeryLongNameIndeed',
          initial: 'inner',
          states: {
            inner: {
              entry: 'doSomethingWithAnEvenLongerNameIndeed',
              initial: 'leaf',
              states: { leaf: {} },
            },
          },
        },
      },
    });
    const pictures = [
      { states: description.states, boxes: picture.boxes },
      {
        states: describeMachine(narrow).description.states,
        ...(await quickLayout(describeMachine(narrow).description))!,
      },
    ];
    for (const { states, boxes } of pictures) {
      for (const [index, state] of states.entries()) {
        const box = boxes[index]!;
        const { width, height } = headerSize(state, box.rows);
        expect(box.width, box.id).toBeGreaterThanOrEqual(width);
        expect(box.height, box.id).toBeGreaterThanOrEqual(height);
      }
    }
  });

  it('is the same on each run', async () => {
    expect(toSvg((await quickLayout(description))!)).toBe(toSvg(picture));
  });

  it('is an SVG for light and dark that marks regions, final states, delays and errors', () => {
    const svg = toSvg(picture);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).toContain('class="ground"');
    expect(svg.match(/<g class="state[^"]*region" data-state=/g)).toHaveLength(2);
    expect(svg).toContain('<g class="edge delayed" data-from="sample.line.connected.session.up"');
    expect(svg).toContain('<tspan class="error">error resubscribe</tspan>');
    expect(svg).not.toMatch(/undefined|NaN/);
  });

  it('has a red arrow for what only a failure takes', async () => {
    const fragile = createMachine({
      id: 'fragile',
      initial: 'busy',
      states: { busy: { invoke: { src: 'work', onError: 'broken' } }, broken: {} },
    });
    const svg = toSvg((await quickLayout(describeMachine(fragile).description))!);
    expect(svg).toContain('<g class="edge error" data-from="fragile.busy" data-to="fragile.broken"');
  });
});

function contains(outer: Rectangle, inner: Rectangle): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

function overlap(a: Rectangle, b: Rectangle): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
