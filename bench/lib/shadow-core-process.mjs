// A local AWS IoT Core in a process of its own that serves shadows to both clients.
import { NO_RATE_LIMITS, startLocalIotCore } from 'aws-iot-machines/local';
import { serve } from './child.mjs';

const core = await startLocalIotCore({ plainPort: 0, limits: NO_RATE_LIMITS });

serve(
  {
    subscriptions: (clientId) =>
      core.clients.find((client) => client.clientId === clientId).subscriptions.map(({ filter }) => filter),
  },
  { port: core.plainPort },
);
