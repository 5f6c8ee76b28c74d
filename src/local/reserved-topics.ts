/**
 * The topics below `$aws` that there are (https://docs.aws.amazon.com/iot/latest/developerguide/reserved-topics.html), with
 * `+` for each name that a client fills in.
 */
const SHADOWS = ['$aws/things/+/shadow', '$aws/things/+/shadow/name/+'];
const JOBS = '$aws/things/+/jobs';
const STREAMS = '$aws/things/+/streams/+';
const EXECUTION = '$aws/commands/+/+/executions/+';
const FORMATS = ['json', 'cbor'];

const inEachFormat = (topic: string): readonly string[] => FORMATS.map((format) => `${topic}/${format}`);

/** What a client asks AWS for, and is told on two more topics how it ended. */
const REQUESTS = [
  ...SHADOWS.flatMap((shadow) => [`${shadow}/get`, `${shadow}/update`, `${shadow}/delete`]),
  ...['get', 'start-next', '+/get', '+/update'].map((request) => `${JOBS}/${request}`),
  ...inEachFormat('$aws/things/+/defender/metrics'),
  ...inEachFormat('$aws/certificates/create'),
  ...inEachFormat('$aws/certificates/create-from-csr'),
  ...inEachFormat('$aws/provisioning-templates/+/provision'),
];
const PUBLISHED_BY_CLIENTS = [
  ...REQUESTS,
  '$aws/rules/#',
  ...inEachFormat(`${STREAMS}/describe`),
  ...inEachFormat(`${STREAMS}/get`),
  ...inEachFormat(`${EXECUTION}/response`),
];
const PUBLISHED_BY_AWS = [
  ...REQUESTS.flatMap((request) => [`${request}/accepted`, `${request}/rejected`]),
  ...SHADOWS.flatMap((shadow) => [`${shadow}/update/delta`, `${shadow}/update/documents`]),
  `${JOBS}/notify`,
  `${JOBS}/notify-next`,
  '$aws/things/+/tunnels/notify',
  ...['description', 'data', 'rejected'].flatMap((answer) => inEachFormat(`${STREAMS}/${answer}`)),
  ...[`${EXECUTION}/request`, `${EXECUTION}/response/accepted`, `${EXECUTION}/response/rejected`].flatMap(
    (topic) => [topic, ...inEachFormat(topic)],
  ),
  '$aws/events/#',
];

const split = (pattern: string): readonly string[] => pattern.split('/');
const PUBLISHABLE = PUBLISHED_BY_CLIENTS.map(split);
const SUBSCRIBABLE = [...PUBLISHED_BY_CLIENTS, ...PUBLISHED_BY_AWS].map(split);
const BELOW_SHADOWS = SHADOWS.map((shadow) => split(`${shadow}/#`));

/** What is wrong with the use of a `$aws` topic. */
export type ReservedFault = 'unknown' | 'onlyAwsPublishes';

/** Whether AWS IoT Core lets a client publish to this topic, which begins with `$aws`. */
export function publishFaultOf(topic: string): ReservedFault | undefined {
  const levels = topic.split('/');
  if (PUBLISHABLE.some((pattern) => overlap(levels, pattern))) return undefined;
  return SUBSCRIBABLE.some((pattern) => overlap(levels, pattern)) ? 'onlyAwsPublishes' : 'unknown';
}

/** Whether a filter that begins with `$aws` can match anything that there is. */
export function subscribeFaultOf(filter: string): ReservedFault | undefined {
  const levels = filter.split('/');
  // A filter for several families at once is none that AWS has.
  if (levels[1] === '+' || levels[1] === '#') return 'unknown';
  return SUBSCRIBABLE.some((pattern) => overlap(levels, pattern)) ? undefined : 'unknown';
}

/**
 * Whether a filter asks for all that there is below a shadow, which AWS advises against
 * (https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html): it would get its own requests too.
 */
export function takesWholeShadow(filter: string): boolean {
  const levels = filter.split('/');
  const isWhole = (pattern: readonly string[]): boolean =>
    levels.length === pattern.length && overlap(levels, pattern);
  return filter.endsWith('/#') && BELOW_SHADOWS.some(isWhole);
}

/** Whether two filters have a topic in common. */
function overlap(one: readonly string[], other: readonly string[]): boolean {
  for (const [index, level] of one.entries()) {
    const opposite = other[index];
    // One topic below is enough; that the level above is meant too says nothing here.
    if (level === '#' || opposite === '#') return true;
    if (opposite === undefined) return false;
    if (level !== opposite && level !== '+' && opposite !== '+') return false;
  }
  return one.length === other.length;
}
