import { fromCognitoIdentityPool } from '@aws-sdk/credential-providers';
import { describe, expect, it } from 'vitest';
import { cognitoIdentity, createIotClient, sigV4 } from '../../src/index.ts';
import { startCore } from './support.ts';

describe('the Cognito of the local core', () => {
  it('gives keys to the provider of the AWS SDK', async () => {
    const core = await startCore();
    const { identityPoolId, region, endpoint } = core.cognito;
    const provider = fromCognitoIdentityPool({ identityPoolId, clientConfig: { region, endpoint } });
    const keys = await provider();
    expect(keys).toMatchObject({ accessKeyId: expect.stringMatching(/^ASIA/) });
    const client = createIotClient({
      ...core.webSocketOptions('lamp'),
      auth: sigV4({ credentials: keys, region: core.region }),
    });
    await client.connect();
    await client.close();
    const again = createIotClient({
      ...core.webSocketOptions('lamp'),
      auth: sigV4({ credentials: cognitoIdentity(core.cognito), region: core.region }),
    });
    await again.connect();
    await again.close();
  });
});
