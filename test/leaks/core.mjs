// @ts-check
// A local core in a process of its own, so that what it keeps is not in the heap that is measured. It says where it is, and ends with
// who started it.
import { NO_RATE_LIMITS, startLocalIotCore } from 'aws-iot-machines/local';

const core = await startLocalIotCore({ plainPort: 0, limits: NO_RATE_LIMITS });
const { ca, cert, key } = await core.deviceCredentials('device');
const { sessionToken, secretAccessKey, accessKeyId } = core.issueCredentials();
process.on('disconnect', () => void core.stop());
process.send?.({
  region: core.region,
  ports: { plain: core.plainPort, tls: core.port, webSocket: core.webSocketPort },
  pem: { ca, cert, key },
  credentials: { accessKeyId, secretAccessKey, sessionToken },
});
