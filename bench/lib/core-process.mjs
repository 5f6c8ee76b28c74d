// A local AWS IoT Core in a process of its own: mutual TLS, and cuts on demand. What is measured is not its limits.
import { NO_RATE_LIMITS, startLocalIotCore } from 'aws-iot-machines/local';
import { serve } from './child.mjs';

const core = await startLocalIotCore({ limits: NO_RATE_LIMITS });

serve(
  {
    credentials: (clientId) => core.deviceCredentials(clientId),
    /** Resets the connection; the result is when, by the clock that all processes of a machine share. */
    async cut(clientId) {
      const at = process.hrtime.bigint();
      await core.faults.dropConnections({ clientId });
      return String(at);
    },
  },
  {},
);
