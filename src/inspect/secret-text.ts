/** What stands where something was taken out. */
export const REDACTED = '[redacted]';

/** No text is looked at any further: what is shown of one is shorter by far. */
const SCANNED_CHARACTERS = 4_096;
/** So much of the end of a text that was cut may be the beginning of a secret that nobody would know any more. */
const BEGINNING_OF_A_SECRET = 256;
const LONGEST_KEY = 64;

const SECRET_WORDS =
  'password|passwd|passphrase|passcode|pwd|secret|private[-_ .]?key|(?<!client[-_ .]?)token|credential|' +
  'access[-_ .]?key|api[-_ .]?key|signature|authorization|cookie|x-amz-';
const SECRET_WORD = new RegExp(SECRET_WORDS, 'i');
/** Too short to be looked for inside of other words. */
const SECRET_KEY = /^(auth|pass|psk|otp|pfx|priv-?key)$/i;

/** Whether what stands under this key is a secret, whatever it looks like. */
export function namesSecret(key: string): boolean {
  return SECRET_KEY.test(key) || SECRET_WORD.test(key.slice(0, SCANNED_CHARACTERS));
}

/** The same for a text that may be no key at all, such as the first one of a pair. */
export const isSecretName = (text: unknown): boolean =>
  typeof text === 'string' && text.length <= LONGEST_KEY && namesSecret(text);

/** A value in quotes; in quotes inside of quotes it goes to the end of the line. */
const QUOTED = `(?:\\\\+["'].*|"(?:[^"\\\\]|\\\\.)*"?|'(?:[^'\\\\]|\\\\.)*'?)`;

interface Shape {
  /** What every text with this shape has: looked for first, because most texts have nothing of it. */
  readonly needs: RegExp;
  readonly shape: RegExp;
  readonly instead: string;
}

const shapeOf = (needs: RegExp, shape: RegExp, instead = REDACTED): Shape => ({ needs, shape, instead });

/** What is replaced, in this order: a shape that may hold others stands before them. No shape has a repetition in a repetition. */
const SHAPES: readonly Shape[] = [
  shapeOf(/-----B/, /-----BEGIN [A-Z0-9 ]{0,64}-----(?:[\s\S]*?-----END [A-Z0-9 ]{0,64}-----|[\s\S]*)/g),
  // Of a URL its host and path stay. Userinfo ends at the last @ before the query, as no honest path has one.
  shapeOf(/:\/\//, /\b([a-z][a-z0-9+.-]{0,31}:\/\/)[^\s"<>?#]*@/gi, `$1${REDACTED}@`),
  shapeOf(/:\/\//, /\b([a-z][a-z0-9+.-]{0,31}:\/\/[^\s"<>?#]*)[?#][^\s"<>]+/gi, `$1?${REDACTED}`),
  // The same of a path, a host and a user name of a custom authorizer, which have no scheme.
  shapeOf(/\?/, /(\/[^\s"<>?]{0,512})\?[^\s"<>]+/g, `$1?${REDACTED}`),
  shapeOf(/@/, /[^\s:@/"'<>]{1,256}:[^\s@/"'<>]{1,256}@(?=[\w[])/g, `${REDACTED}@`),
  shapeOf(/\?/, /\?[^\s?"<>]{0,512}x-amz-\S*/gi, `?${REDACTED}`),
  // A header goes to the end of its line.
  shapeOf(/[=:]/, /(authorization|cookie|passphrase)(["'\\]{0,8}\s{0,8}[=:]).*/gi, `$1$2 ${REDACTED}`),
  shapeOf(/\s/, /\b(bearer|basic|digest)\s{1,8}(?=[\w+/=~.-]{8})\S+/gi, `$1 ${REDACTED}`),
  // A name and its value: in quotes, after a colon up to the end of the line, after = up to a blank.
  shapeOf(
    /[=:]/,
    new RegExp(
      `(${SECRET_WORDS})([\\w.-]{0,64})(["'\\\\]{0,8}\\s{0,8}[=:]\\s{0,8})` +
        `(?:${QUOTED}|(?<==\\s{0,8})\\S+|(?<=:\\s{0,8}).+)`,
      'gi',
    ),
    `$1$2$3${REDACTED}`,
  ),
  // A pair, or a name beside a value.
  shapeOf(
    /["']\s*,/,
    new RegExp(
      `(["'](?:[\\w.-]{0,64})(?:${SECRET_WORDS})[\\w.-]{0,64}\\\\*["']\\s{0,8},\\s{0,8}` +
        `(?:\\\\*["']value\\\\*["']\\s{0,8}:\\s{0,8})?)${QUOTED}`,
      'gi',
    ),
    `$1${REDACTED}`,
  ),
  shapeOf(/eyJ/, /eyJ[\w-]{8,}\.[\w.-]*/g),
  shapeOf(/A[A-Z]{3}[A-Z0-9]{12}/, /(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA|AGPA|AIPA|ANPA|ANVA)[A-Z0-9]{12,}/g),
  // Longer than a client token, which is no secret.
  shapeOf(/[0-9a-f]{40}/i, /[0-9a-f]{40,}/gi),
];

/** Nothing of so few letters and dots is any of these. */
const PLAIN_WORD = /^[\w.-]{1,15}$/;

const LONG_RUN = /[A-Za-z0-9+/_-]{32,}={0,2}/g;
const CLASSES = [/[a-z]/, /[A-Z]/, /[0-9]/];
/** In random base64 two neighbours are of different classes 64 times in 100; in words, topics and names far more seldom. */
const CHANGES_OF_CHANCE = 0.35;

/** A text without what looks like a secret in it, and not much longer than what is ever shown. Never throws. */
export function withoutSecrets(text: string): string {
  if (PLAIN_WORD.test(text)) return text;
  const isCut = text.length > SCANNED_CHARACTERS;
  let shown = isCut ? text.slice(0, SCANNED_CHARACTERS) : text;
  for (const { needs, shape, instead } of SHAPES) {
    if (needs.test(shown)) shown = shown.replace(shape, instead);
  }
  shown = shown.replace(LONG_RUN, (run) => (looksRandom(run) ? REDACTED : run));
  if (!isCut) return shown;
  return shown.endsWith(REDACTED) ? `${shown}…` : `${shown.slice(0, -BEGINNING_OF_A_SECRET)}…`;
}

/** A key rather than a topic, an ARN or a UUID: letters of both cases and digits, one after the other without order. */
function looksRandom(run: string): boolean {
  if (!CLASSES.every((characters) => characters.test(run))) return false;
  let changes = 0;
  for (let i = 1; i < run.length; i++) {
    if (classOf(run.charCodeAt(i)) !== classOf(run.charCodeAt(i - 1))) changes++;
  }
  return changes >= (run.length - 1) * CHANGES_OF_CHANCE;
}

function classOf(code: number): number {
  if (code >= 97) return 0;
  if (code >= 65 && code <= 90) return 1;
  return code >= 48 && code <= 57 ? 2 : 3;
}

/** What a terminal or an editor obeys instead of showing it. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export function withoutControls(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

export function cut(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters - 1)}…` : text;
}
