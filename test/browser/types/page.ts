// Compiled with the condition `browser`, and without it. Each line that is marked must fail, and no other.
import {
  cognitoIdentity,
  createIotClient,
  customAuthorizer,
  IotError,
  levelStore,
  memoryStore,
  mutualTls,
  plainTcp,
  sigV4,
} from 'aws-iot-machines';

const endpoint = 'abc-ats.iot.eu-west-1.amazonaws.com';
const identityPoolId = 'eu-west-1:1699ebc0-7900-4099-b910-2df94f52a030';
const auth = sigV4({ credentials: cognitoIdentity({ identityPoolId }) });
const client = createIotClient({ endpoint, auth, offlineQueue: { store: memoryStore(), maxMessages: 5 } });
client.connect().catch((error: unknown) => IotError.is(error) && error.code === 'WEBSOCKET_FAILED');
createIotClient({ endpoint, auth: customAuthorizer({ name: 'mine', token: 't', tokenKeyName: 'k' }) });

mutualTls({ cert: 'a.pem', key: 'a.key' }); // only in Node
plainTcp({}); // only in Node
levelStore({ directory: 'queue' }); // only in Node
sigV4({}); // only in Node
createIotClient({ endpoint, auth, ca: 'ca.pem' }); // only in Node
createIotClient({ endpoint, auth, offlineQueue: { store: levelStore({ directory: 'queue' }) } }); // only in Node
customAuthorizer({ name: 'mine', webSocket: false }); // only in Node
