import type { Aedes } from 'aedes';

import { persistenceOf } from './persistence.ts';

type Deliver = Parameters<Aedes['subscribe']>[1];

/** Takes from `sensor/#` what MQTT gives it and AWS does not: the messages of `sensor` (MQTT-4.7.1-2). */
export function excludeParents(aedes: Aedes): void {
  const stricter = new WeakMap<Deliver, Deliver>();
  const subscribe = aedes.subscribe.bind(aedes);
  const unsubscribe = aedes.unsubscribe.bind(aedes);
  aedes.subscribe = (filter, deliver, done) => {
    if (!filter.endsWith('/#')) {
      subscribe(filter, deliver, done);
      return;
    }
    const deliverBelow: Deliver = (packet, taken) => {
      if (isParent(packet.topic, filter)) taken();
      else deliver(packet, taken);
    };
    stricter.set(deliver, deliverBelow);
    subscribe(filter, deliverBelow, done);
  };
  aedes.unsubscribe = (filter, deliver, done) => unsubscribe(filter, stricter.get(deliver) ?? deliver, done);

  // By these it keeps messages for sessions.
  const persistence = persistenceOf(aedes);
  const subscriptionsByTopic = persistence.subscriptionsByTopic.bind(persistence);
  persistence.subscriptionsByTopic = async (topic) =>
    (await subscriptionsByTopic(topic)).filter((subscription) => !isParent(topic, subscription.topic));
}

/** Whether a topic that a filter matches is the level above its `#`. */
function isParent(topic: string, filter: string): boolean {
  return filter.endsWith('/#') && topic.split('/').length === filter.split('/').length - 1;
}
