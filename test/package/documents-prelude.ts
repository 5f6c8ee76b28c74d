/**
 * What stands around the fragments in the documents. It is text, because these names would be there in every file of this
 * repository else. A block that declares one of them itself means its own.
 */
export const PRELUDE = `
import type * as sdk from 'aws-iot-machines';
import type * as local from 'aws-iot-machines/local';
import type * as machines from 'aws-iot-machines/machines';

declare global {
  const createIotClient: typeof sdk.createIotClient;
  const customAuthorizer: typeof sdk.customAuthorizer;
  const cognitoIdentity: typeof sdk.cognitoIdentity;
  const mutualTls: typeof sdk.mutualTls;
  const sigV4: typeof sdk.sigV4;
  const startLocalIotCore: typeof local.startLocalIotCore;

  const options: sdk.IotClientOptions;
  const client: sdk.IotClient;
  const core: local.LocalIotCore;
  const lamp: sdk.Shadow<{ readonly on?: boolean; readonly brightness?: number }>;
  const password: string;

  function freshToken(): Promise<string>;
  function render(...values: readonly unknown[]): void;
  function setLamp(on: unknown): Promise<void>;
}
`;
