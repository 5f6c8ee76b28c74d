import { createIotClient, type IotClient, type IotClientOptions } from 'aws-iot-machines';
import { useEffect, useState } from 'react';

/**
 * A client that lives as long as the component: made, connected and closed by one effect.
 *
 * `close()` is for good. So a client from `useState(() => createIotClient(…))` or `useMemo` that an effect closes is dead
 * when the effect runs again, as it does in StrictMode; whoever closes a client must have made it. The first of two
 * costs nothing: it is closed before it has dialled. Its options must stay the same object (`useState`, a constant):
 * other options are another client.
 */
export function useIotClient(options: IotClientOptions): IotClient | undefined {
  const [client, setClient] = useState<IotClient>();
  useEffect(() => {
    const made = createIotClient(options);
    setClient(made);
    // The connection machine shows why, and goes on trying.
    made.connect().catch(() => {});
    return () => {
      setClient(undefined);
      void made.close();
    };
  }, [options]);
  return client;
}
