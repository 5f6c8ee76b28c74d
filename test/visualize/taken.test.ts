import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AnyStateMachine, InspectionEvent } from 'xstate';
import { transitionId } from '../../src/inspect/chart/transition-id.ts';
import * as exports from '../../src/machines/index.ts';
import { clientOf, cutLine, freshId, useCore } from '../client/support.ts';

const theCore = useCore();
const machines = Object.values(exports).filter(
  (value): value is AnyStateMachine => typeof value === 'object' && 'root' in value,
);

describe('what a running client reports', () => {
  it('is, for every machine, in its picture', async () => {
    const core = theCore();
    const taken = new Map(machines.map(({ id }) => [id, new Set<string>()]));
    const inspect = (event: InspectionEvent) => {
      if (event.type !== '@xstate.microstep') return;
      for (const transition of event._transitions) {
        const id = transitionId(transition);
        if (id !== undefined) taken.get(transition.source.machine.id)?.add(id);
      }
    };
    const clientId = freshId();
    const client = clientOf(core, { clientId, inspect });
    await client.connect();
    await client.when('live');
    await client.subscribe('plants/+', () => undefined);
    const shadow = client.shadow(clientId);
    shadow.onDelta(() => undefined);
    await shadow.update({ reported: { on: true } });
    await shadow.get();
    await cutLine(core, client, clientId);
    await client.publish('plants/basil', 'dry', { qos: 1 });
    await client.when('live');
    await client.close();

    for (const [machine, ids] of taken) {
      expect(ids.size, machine).toBeGreaterThan(3);
      const svg = readFileSync(new URL(`../../visualizations/${machine}.svg`, import.meta.url), 'utf8');
      for (const id of ids) expect(svg).toContain(`data-transition="${id.replaceAll('>', '&gt;')}"`);
    }
  });
});
