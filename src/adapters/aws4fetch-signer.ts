import { IotError } from '../protocol/errors.ts';
import { loadOptionalPeer } from '../protocol/optional-peer.ts';
import {
  dateToSign,
  IOT_SIGNING_SERVICE,
  queryToSign,
  type SignUpgrade,
  withSessionToken,
} from './upgrade-signer.ts';
import { MQTT_PATH } from './web-socket.ts';

const PEER = { name: 'aws4fetch', neededBy: 'sigV4() in a browser', install: 'npm install aws4fetch@1' };

interface Page {
  readonly crypto?: { readonly subtle?: unknown };
}

/** Signs with the package aws4fetch, by WebCrypto. */
export const signWithAws4fetch: SignUpgrade = async (request, credentials) => {
  if ((globalThis as Page).crypto?.subtle === undefined) {
    throw new IotError(
      'INVALID_ARGUMENT',
      'sigV4() cannot be used on this page: it has no WebCrypto, which browsers keep for https and localhost',
      { remediation: 'Serve the page by https, or from localhost.' },
    );
  }
  const { AwsV4Signer } = await loadOptionalPeer(PEER, () => import('aws4fetch'));
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new AwsV4Signer({
    url: `https://${request.host}${MQTT_PATH}?${queryToSign(request)}`,
    // It would write over the one in the query.
    datetime: dateToSign(request),
    region: request.region,
    service: IOT_SIGNING_SERVICE,
    signQuery: true,
    accessKeyId,
    secretAccessKey,
  });
  const { pathname, search } = (await signer.sign()).url;
  // Given the token, it would encode it as a form does.
  return withSessionToken(`${pathname}${search}`, sessionToken);
};
