import { invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { Authentication } from './authentication.ts';
import type { AwsCredentials, CredentialProvider } from './aws-credentials.ts';
import { nodeCredentialSource } from './credential-chain.ts';
import { createSigV4, type SignatureOptions } from './sigv4.ts';
import type { SignUpgrade } from './upgrade-signer.ts';
import { wsDialer } from './ws-dialer.ts';

/** Whose keys sign, and how. The default of each is for AWS. */
export interface SigV4Options extends SignatureOptions {
  /**
   * The keys, or what gives them: asked anew for each attempt to connect. Default: the environment (`AWS_ACCESS_KEY_ID`, …),
   * then the shared file (`~/.aws/credentials`), then the AWS SDK, if `@aws-sdk/credential-providers` is installed.
   */
  readonly credentials?: AwsCredentials | CredentialProvider;
}

/** Loaded when something is to be signed: most devices have a certificate. */
const sign: SignUpgrade = async (request, credentials) => {
  const { signWithAws4 } = await import('./aws4-signer.ts');
  return signWithAws4(request, credentials);
};

/** Sign-in with IAM keys (Signature Version 4), by MQTT over a WebSocket: port 443, no certificate on the device. */
export function sigV4(options: SigV4Options = {}): Authentication {
  checkFields('sigV4()', options, ['credentials', 'region', 'expiresInSeconds'], invalidSecret);
  const source = nodeCredentialSource(options.credentials);
  return createSigV4({ sign, dialer: wsDialer, source }, options);
}
