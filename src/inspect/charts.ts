import { readFile } from 'node:fs/promises';
import type { AnyStateMachine } from 'xstate';
import { clientMachine } from '../machines/client.machine.ts';
import { connectionMachine } from '../machines/connection.machine.ts';
import { deviceShadowMachine } from '../machines/device-shadow.machine.ts';
import { offlineQueueMachine } from '../machines/offline-queue.machine.ts';
import { shadowOperationMachine } from '../machines/shadow-operation.machine.ts';
import { subscriptionsMachine } from '../machines/subscriptions.machine.ts';
import { drawMachine } from './chart/index.ts';

const PICTURES = new URL('../../visualizations/', import.meta.url);
/** The machines of an app; one that makes more of them than this sees the pictures of the newest. */
const MAX_DRAWN = 200;

/** By their configuration, which `provide()` leaves as it is. */
const OURS = new Map<object, string>(
  (
    [
      clientMachine,
      connectionMachine,
      deviceShadowMachine,
      offlineQueueMachine,
      shadowOperationMachine,
      subscriptionsMachine,
    ] as const
  ).map(({ config, id }) => [config, id]),
);

interface Drawing {
  readonly machine: AnyStateMachine;
  svg: Promise<string> | undefined;
}

/** The pictures of machines: ours are in the package, others are drawn when somebody wants to see them. */
export class Charts {
  readonly #names = new WeakMap<object, string>();
  readonly #drawings = new Map<string, Drawing>();
  #drawn = 0;

  chartOf(machine: AnyStateMachine): string {
    const config = machine.config as object;
    return OURS.get(config) ?? this.#names.get(config) ?? this.#add(config, machine);
  }

  /** As SVG; undefined when there is no such picture. */
  async read(chart: string): Promise<string | undefined> {
    const drawing = this.#drawings.get(chart);
    if (drawing !== undefined) {
      drawing.svg ??= drawMachine(drawing.machine);
      return drawing.svg;
    }
    return isOurs(chart) ? await readFile(new URL(`${chart}.svg`, PICTURES), 'utf8') : undefined;
  }

  #add(config: object, machine: AnyStateMachine): string {
    this.#drawn += 1;
    const name = `drawn-${this.#drawn}`;
    this.#names.set(config, name);
    this.#drawings.set(name, { machine, svg: undefined });
    const [oldest] = this.#drawings.keys();
    if (this.#drawings.size > MAX_DRAWN && oldest !== undefined) this.#drawings.delete(oldest);
    return name;
  }
}

/** Only what is named here is read from the disk. */
const isOurs = (chart: string): boolean => [...OURS.values()].includes(chart);

export const isClientMachine = (machine: AnyStateMachine | undefined): boolean =>
  machine?.config === clientMachine.config;
