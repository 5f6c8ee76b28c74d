import { cognitoIdentity, type IotClientOptions, sigV4 } from 'aws-iot-machines';

/** Where the broker is, and how a guest gets keys for it. With AWS these are constants of the page. */
export interface Broker {
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly cognito: { readonly identityPoolId: string; readonly region: string; readonly endpoint: string };
  readonly thingName: string;
}

export async function askBroker(): Promise<Broker> {
  const response = await fetch('/broker.json');
  return (await response.json()) as Broker;
}

export function optionsFor({ endpoint, port, region, cognito }: Broker): IotClientOptions {
  return {
    endpoint,
    port,
    auth: sigV4({ credentials: cognitoIdentity(cognito), region }),
    // Room to play in; by default 20 may wait.
    offlineQueue: { maxMessages: 50 },
  };
}

export type LineFault = 'cut' | 'down' | 'up';

/** Does something to the line. Only the broker of this example can. */
export async function disturb(fault: LineFault): Promise<void> {
  await fetch(`/line/${fault}`, { method: 'POST' });
}
