import { invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { Authentication } from './authentication.ts';
import type { AwsCredentials, CredentialProvider } from './aws-credentials.ts';
import { signWithAws4 } from './aws4-signer.ts';
import { nodeCredentialSource } from './credential-chain.ts';
import { createSigV4, type SignatureOptions } from './sigv4.ts';
import { wsDialer } from './ws-dialer.ts';

export interface SigV4Options extends SignatureOptions {
  /**
   * The keys, or what gives them: asked anew for each attempt to connect. Default: the environment (`AWS_ACCESS_KEY_ID`, …),
   * then the shared file (`~/.aws/credentials`), then the AWS SDK, if `@aws-sdk/credential-providers` is installed.
   */
  readonly credentials?: AwsCredentials | CredentialProvider;
}

/** Sign-in with IAM keys (Signature Version 4), by MQTT over a WebSocket: port 443, no certificate on the device. */
export function sigV4(options: SigV4Options = {}): Authentication {
  checkFields('sigV4()', options, ['credentials', 'region', 'expiresInSeconds'], invalidSecret);
  const source = nodeCredentialSource(options.credentials);
  return createSigV4({ sign: signWithAws4, dialer: wsDialer, source }, options);
}
