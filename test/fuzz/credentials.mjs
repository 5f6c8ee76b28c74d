// What credentials are read from: shared files, the environment, and PEM of certificates, keys and authorities, damaged. Whatever is
// wrong with them is told by an error of ours, which shows nothing of a secret.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { claim, judgeError, turn } from './judge.mjs';
import { damage } from './packets.mjs';
import { makePair } from './web-socket-door.mjs';

const SECRET = 'canary/wJalrXUtnFEMI/K7MDENG+bPxRfiCYqZ0921xTuV';
const TOKEN = 'canaryIQoJb3JpZ2luX2VjEJrzzzzzzzzzzwEaCXVzLWVhc3QtMSJHMEUC';
const PASSPHRASE = 'canary-passphrase-of-the-key';
/** So much of a secret is a part of it, and no accident. */
const PART = 12;

const LINES = [
  ...['[default]', '[ default ]', '[other]', '[]', '[default', 'default]', '[__proto__]', '\ufeff[default]'],
  ...['aws_access_key_id = AKIAIOSFODNN7EXAMPLE', 'AWS_ACCESS_KEY_ID=x', 'aws_access_key_id =', '='],
  ...[`aws_secret_access_key = ${SECRET}`, `aws_secret_access_key ${SECRET}`, SECRET, `= ${SECRET}`],
  ...[`aws_session_token = ${TOKEN}`, `aws_session_token = ${TOKEN} ${TOKEN}`, `[${TOKEN}`, `${TOKEN} = x`],
  ...[
    's3 =',
    '  key = A',
    '# x',
    '; y',
    '\0',
    '\u001b[31m',
    'a\u2028b',
    'x'.repeat(5_000),
    ' #'.repeat(5_000),
  ],
];

const damaged = (/** @type {string} */ text) =>
  fc
    .array(damage, { maxLength: 2 })
    .map((all) => hex(all.reduce((bytes, one) => one(bytes), Buffer.from(text))));
const file = fc.oneof(
  fc.array(fc.constantFrom(...LINES), { maxLength: 8 }).map((lines) => hex(Buffer.from(lines.join('\n')))),
  damaged(
    `[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = ${SECRET}\naws_session_token = ${TOKEN}\n`,
  ),
);
const variable = fc.option(
  fc.constantFrom(
    '',
    ' ',
    'AKIAIOSFODNN7EXAMPLE',
    SECRET,
    TOKEN,
    `${SECRET}\n`,
    `\u001b${TOKEN}`,
    'R'.repeat(9_000),
  ),
  { nil: undefined },
);

const inFiles = fc.record({
  kind: fc.constant('files'),
  credentials: file,
  config: file,
  profile: fc.constantFrom('default', 'other', '__proto__', 'a\u001bb', 'R'.repeat(200)),
});
const inEnvironment = fc.record({
  kind: fc.constant('environment'),
  id: variable,
  secret: variable,
  token: variable,
});

/** @param {{ cert: string, private: string }} pair @param {string} encrypted */
const asPem = (pair, encrypted) =>
  fc.record({
    kind: fc.constant('pem'),
    as: fc.constantFrom('file', 'text', 'bytes'),
    cert: damaged(pair.cert),
    key: fc.oneof(damaged(pair.private), damaged(encrypted)),
    ca: damaged(pair.cert + pair.cert),
    passphrase: fc.constantFrom(undefined, PASSPHRASE, '', 'wrong'),
  });

const hex = (/** @type {Buffer} */ bytes) => bytes.toString('hex');

/** @param {import('./packages.mjs').Packages} packages @returns {Promise<import('./judge.mjs').Target>} */
export async function openCredentials(packages) {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-credentials-'));
  const pair = await makePair();
  const { createPrivateKey } = await import('node:crypto');
  const encrypted = createPrivateKey(pair.private).export({
    ...{ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: PASSPHRASE },
  });
  const secrets = new Secrets([SECRET, TOKEN, PASSPHRASE, keyBody(pair.private), keyBody(String(encrypted))]);
  return {
    // Those of files and of the environment may end with the AWS SDK, which takes its time.
    cases: fc.oneof(
      { weight: 2, arbitrary: inFiles },
      { weight: 1, arbitrary: inEnvironment },
      { weight: 3, arbitrary: asPem(pair, String(encrypted)) },
    ),
    check: (given) => new SignIn(packages, folder, secrets, given).run(),
    close: () => rm(folder, { recursive: true }),
  };
}

const keyBody = (/** @type {string} */ pem) =>
  pem
    .split('\n')
    .filter((line) => !line.startsWith('-'))
    .join('');

/** Finds parts of secrets in a text. */
class Secrets {
  #parts = new Set();

  /** @param {readonly string[]} secrets */
  constructor(secrets) {
    for (const secret of secrets) {
      for (let at = 0; at + PART <= secret.length; at++) this.#parts.add(secret.slice(at, at + PART));
    }
  }

  /** @param {string} text */
  in(text) {
    for (let at = 0; at + PART <= text.length; at++) {
      const part = text.slice(at, at + PART);
      if (this.#parts.has(part)) return part;
    }
    return undefined;
  }
}

/** One attempt to sign in: nothing is dialed. */
class SignIn {
  /** @param {import('./packages.mjs').Packages} packages @param {string} folder @param {Secrets} secrets @param {any} given */
  constructor({ root, testing }, folder, secrets, given) {
    this.root = root;
    this.testing = testing;
    this.folder = folder;
    this.secrets = secrets;
    this.given = given;
  }

  async run() {
    const before = { ...process.env };
    try {
      await (this.given.kind === 'pem' ? this.#pem() : this.#keys());
    } catch (error) {
      this.#judge(error);
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
      await turn();
    }
  }

  async #keys() {
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    process.env['HOME'] = this.folder;
    process.env['USERPROFILE'] = this.folder;
    process.env['AWS_SHARED_CREDENTIALS_FILE'] = await this.#write(
      'credentials',
      this.given.credentials ?? '',
    );
    process.env['AWS_CONFIG_FILE'] = await this.#write('config', this.given.config ?? '');
    const { profile, id, secret, token } = this.given;
    const names = {
      ...{ AWS_PROFILE: profile, AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret },
      AWS_SESSION_TOKEN: token,
    };
    for (const [name, value] of Object.entries(names)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await this.root.sigV4({ region: 'eu-west-1' }).signIn(this.#context());
  }

  async #pem() {
    const { passphrase } = this.given;
    const [cert, key, ca] = await Promise.all(['cert', 'key', 'ca'].map((name) => this.#source(name)));
    const auth = this.root.mutualTls({ cert, key, ...(passphrase === undefined ? {} : { passphrase }) });
    auth.validate({ endpoint: 'localhost', port: 8883, ca });
    await auth.signIn({ ...this.#context(), ca });
  }

  /** @param {string} name @returns {Promise<any>} */
  #source(name) {
    const { as } = this.given;
    const digits = this.given[name];
    if (as === 'file') return this.#write(name, digits);
    const bytes = Buffer.from(digits, 'hex');
    return Promise.resolve(as === 'text' ? bytes.toString() : new Uint8Array(bytes));
  }

  /** @param {string} name @param {string} digits */
  async #write(name, digits) {
    const path = join(this.folder, name);
    await writeFile(path, Buffer.from(digits, 'hex'), { mode: 0o600 });
    return path;
  }

  #context() {
    return {
      ...{ endpoint: 'localhost', port: 443, signal: new AbortController().signal },
      ...{ clock: new this.testing.SimulatedClock(), wallClock: Date.now },
      warn: (/** @type {string} */ message) => this.#judgeText(message),
    };
  }

  /** @param {unknown} error */
  #judge(error) {
    judgeError(error, 'signing in');
    this.#judgeText(inspect(error, { depth: 9, showHidden: true, getters: true }));
    this.#judgeText(JSON.stringify(error));
  }

  /** @param {string} text */
  #judgeText(text) {
    const part = this.secrets.in(text);
    claim(part === undefined, () => `a secret shows (${part}): ${text}`);
  }
}
