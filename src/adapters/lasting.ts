import mqtt, { type Store } from 'mqtt';
import type { Pace } from './pace.ts';

/** What outlives an attempt, for the next one of the same transport. */
export interface Lasting {
  readonly pace: Pace;
  /** Empty until the broker has chosen one (MQTT 5). */
  clientId: string;
  /** Messages of QoS 2 that wait for their PUBREL. It may come on the next line of the same session. */
  unreleased: Store;
}

export const noneUnreleased = (): Store => new mqtt.Store({ clean: false });
