import { invalidSecret } from '../protocol/errors.ts';
import { checkFields } from '../protocol/fields.ts';
import type { Authentication } from './authentication.ts';
import type { AwsCredentials, CredentialProvider } from './aws-credentials.ts';
import { signWithAws4fetch } from './aws4fetch-signer.ts';
import { browserDialer } from './browser-dialer.ts';
import { credentialSource } from './credential-source.ts';
import { createSigV4, type SignatureOptions } from './sigv4.ts';

export interface SigV4Options extends SignatureOptions {
  /** The keys, or what gives them, such as `cognitoIdentity()`: asked anew for each attempt to connect. */
  readonly credentials: AwsCredentials | CredentialProvider;
}

/**
 * Sign-in with IAM keys (Signature Version 4), by MQTT over a WebSocket: port 443. Needs the package aws4fetch, and a page of
 * https or localhost: only they have WebCrypto.
 */
export function sigV4(options: SigV4Options): Authentication {
  checkFields('sigV4()', options, ['credentials', 'region', 'expiresInSeconds'], invalidSecret);
  return createSigV4(
    {
      sign: signWithAws4fetch,
      dialer: browserDialer,
      source: credentialSource(options.credentials),
      // No browser tells a refusal from a bad network.
      needsNewKeys: () => true,
    },
    options,
  );
}
