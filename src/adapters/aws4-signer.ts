import { createHmac } from 'node:crypto';
import aws4 from 'aws4';
import { IOT_SIGNING_SERVICE, queryToSign, type SignUpgrade, withSessionToken } from './upgrade-signer.ts';
import { MQTT_PATH } from './web-socket.ts';

/** aws4 keeps the keys that it derives in a cache for the whole process, by the secret in plain text; this one keeps none. */
class ForgetfulSigner extends aws4.RequestSigner {
  override signature(): string {
    const scope = [this.getDate(), this.region, this.service, 'aws4_request'];
    const secret = `AWS4${this.credentials.secretAccessKey}`;
    const key = scope.reduce<string | Buffer>((derived, part) => hmac(derived, part).digest(), secret);
    return hmac(key, this.stringToSign()).digest('hex');
  }
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8');

/** Signs with the package aws4, in Node. */
export const signWithAws4: SignUpgrade = (request, { accessKeyId, secretAccessKey, sessionToken }) => {
  const { host, region } = request;
  const toSign = {
    host,
    region,
    // Else it would be `iot`, after the host name.
    service: IOT_SIGNING_SERVICE,
    method: 'GET',
    path: `${MQTT_PATH}?${queryToSign(request)}`,
    signQuery: true,
  };
  // Given the token, aws4 would sign it.
  const signer = new ForgetfulSigner(toSign, { accessKeyId, secretAccessKey });
  const { path } = signer.sign();
  return Promise.resolve(withSessionToken(path as string, sessionToken));
};
