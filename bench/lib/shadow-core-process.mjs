// A local AWS IoT Core in a process of its own that serves shadows to both clients.
import { NO_RATE_LIMITS, startLocalIotCore } from 'aws-iot-machines/local';
import { serve } from './child.mjs';

const core = await startLocalIotCore({ plainPort: 0, limits: NO_RATE_LIMITS });

/** What each client has asked for: the filters that it holds, the most that it ever held, and how often it subscribed. */
const books = new Map();

core.tap.on(({ packet, direction, clientId, filters = [] }) => {
  if (direction !== 'toBroker' || (packet !== 'subscribe' && packet !== 'unsubscribe')) return;
  const book = books.get(clientId) ?? { held: new Set(), most: 0, subscribes: 0 };
  books.set(clientId, book);
  for (const filter of filters) {
    if (packet === 'subscribe') book.held.add(filter);
    else book.held.delete(filter);
  }
  book.most = Math.max(book.most, book.held.size);
  if (packet === 'subscribe') book.subscribes += 1;
});

serve(
  {
    subscriptions(clientId) {
      const { most, subscribes } = books.get(clientId);
      return { most, subscribes };
    },
  },
  { port: core.plainPort },
);
