/** What a secret looks like, whoever made it. What is not: the names of these fields, without their values. */
const SHAPES: readonly (readonly [name: string, shape: RegExp])[] = [
  ['a canary', /canary-./i],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[\w+/]/],
  // The first bytes of every PKCS #8 key, in base64: of one on the curve P-256, and of RSA with 2,048 bits.
  [
    'the body of a private key',
    /MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg|MIIEv[AgQw]IBADANBgkqhkiG9w0BAQEFAASC/,
  ],
  ['the signature of an upgrade', /X-Amz-Signature=[0-9a-f]{64}/i],
  ['the session token of an upgrade', /X-Amz-Security-Token=[^&\s'"]/i],
];

/** A shorter text is in many harmless ones. */
const SHORTEST_SECRET = 8;

const known = new Set<string>();

/** From here on, no test of this file may show this text: a password, a passphrase, a token, a secret key. */
export function secret(text: string): string {
  if (text.length < SHORTEST_SECRET)
    throw new Error(`a secret to watch has ${SHORTEST_SECRET} characters or more`);
  known.add(text);
  return text;
}

/** The same for a private key in PEM: for each of its first lines, which are what is private in it. */
export function secretKey(pem: string): string {
  const body = pem.split(/\r?\n/).filter((line) => line.length === 64);
  for (const line of body.slice(0, 4)) secret(line);
  return pem;
}

/** What secret is in a text: what it is, not what it says. Undefined when there is none. */
export function secretIn(text: string): string | undefined {
  for (const each of known) {
    if (text.includes(each)) return `a secret of ${each.length} characters`;
  }
  return SHAPES.find(([, shape]) => shape.test(text))?.[0];
}
