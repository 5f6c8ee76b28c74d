import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMachine } from 'xstate';
import { drawMachine } from '../../src/inspect/chart/index.ts';
import type * as OptionalPeers from '../../src/protocol/optional-peer.ts';

const machine = createMachine({
  id: 'a<b',
  type: 'parallel',
  states: {
    door: {
      initial: 'shut',
      states: { shut: { on: { 'push it': 'open' } }, open: { on: { push: 'shut' } } },
    },
    light: { on: { both: { target: ['.on'] } }, initial: 'off', states: { off: {}, on: { type: 'final' } } },
  },
  on: { reset: { target: ['.door.shut', '.light.off'] } },
});
const STATES = 7;
const TRANSITIONS = 4;

describe("the picture of an app's own machine", () => {
  afterEach(() => {
    vi.doUnmock('../../src/protocol/optional-peer.ts');
    vi.resetModules();
  });

  it('shows each state and each transition once, with arrows', async () => {
    const svg = await drawMachine(machine);
    expect(svg.match(/ data-state="/g)).toHaveLength(STATES);
    expect(svg.match(/ data-transition="/g)).toHaveLength(TRANSITIONS);
    expect(svg).toContain('data-transition="a&lt;b.door.shut|push%20it|0"');
    // Two arrows for the one that leads to two states.
    expect(svg.match(/ data-transitions="[^"]*reset\|0"/g)).toHaveLength(2);
    expect(svg).not.toContain('npm install');
  });

  it('lists where transitions lead without elkjs, and says what to install', async () => {
    vi.doMock('../../src/protocol/optional-peer.ts', async (load) => {
      const { loadOptionalPeer } = await load<typeof OptionalPeers>();
      const missing = Object.assign(new Error("Cannot find package 'elkjs'"), {
        code: 'ERR_MODULE_NOT_FOUND',
      });
      return {
        loadOptionalPeer: (peer: OptionalPeers.OptionalPeer) =>
          loadOptionalPeer(peer, () => Promise.reject(missing)),
      };
    });
    vi.resetModules();
    const { drawMachine: drawPlain } = await import('../../src/inspect/chart/index.ts');
    const svg = await drawPlain(machine);
    expect(svg.match(/ data-state="/g)).toHaveLength(STATES);
    expect(svg.match(/ data-transition="/g)).toHaveLength(TRANSITIONS);
    expect(svg).toContain('→ door.shut, light.off');
    expect(svg).not.toContain('data-transitions=');
    expect(svg).toContain('npm install --save-dev elkjs@0.12');
  });
});
