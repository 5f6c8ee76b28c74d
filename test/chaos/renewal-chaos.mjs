// @ts-check
import { createIotClient } from 'aws-iot-machines';
import { NO_RATE_LIMITS, startLocalIotCore } from 'aws-iot-machines/local';
import { checkHistory, FaultProxy } from 'aws-iot-machines/testing';
import { collect } from './brokers.mjs';
import { HOST } from './line.mjs';
import { RenewedDevice, WILL } from './renewed-device.mjs';
import { count, countsText, tell, tellWrong, WINDOW } from './report.mjs';
import { until } from './until.mjs';

/** How long the keys of the device live. Its line is given up for a new one before they end. */
const LIFETIME_SECONDS = 3;

/** How long one renewal may take to come. */
const RENEWAL_MS = 15_000;

/** How long the device may go without an acknowledgement while it is cut and renewed: it is usable throughout. */
const USABLE_MS = 5_000;

/** How long it may take to be well again, once all is over. */
const RECOVERY_MS = 30_000;

/** Cuts that come at some time of a line are this many messages in: before its keys are old. */
const MOST_MESSAGES = 100;

/** Cuts that come while a line is renewed are this many bytes in: a handshake, an upgrade and a CONNECT have about so many. */
const MOST_BYTES = 2_500;

const MOST_TOLD = 10;

/**
 * @typedef {object} Cut
 * @property {'cut' | 'end' | 'cutInRenewal'} name
 * @property {number} messages that the device publishes before, unless it is for a renewal to begin
 * @property {number} bytes
 * @property {'toBroker' | 'toClient'} direction
 */

/**
 * A device over WebSocket whose keys live for seconds, on a line that is cut once for each renewal. At the end it must have been
 * usable throughout, nothing but a cut may have published its Will, and each message must have arrived, in order.
 *
 * @param {{ renewals: number, random: () => number, say: (text: string) => void }} chaos
 * @returns {Promise<boolean>} whether all was well
 */
export async function renewalChaos({ renewals, random, say }) {
  const core = await startLocalIotCore({
    credentialLifetimeSeconds: LIFETIME_SECONDS,
    limits: NO_RATE_LIMITS,
    onWarning: ({ message }) => say(`the core warns: ${message}`),
  });
  const proxy = await FaultProxy.start({ to: { host: HOST, port: core.webSocketPort } });
  const journal = collect(core);
  const watcher = createIotClient(core.deviceOptions('watcher'));
  const device = new RenewedDevice({ ...core.webSocketOptions('device'), port: proxy.port });
  const seen = { renewals: 0, connects: 0, wills: 0 };
  /** Why lines and attempts ended. @type {Map<string, number>} */
  const reasons = new Map();
  /** What no cut explains. @type {string[]} */
  const wrong = [];

  const forget = core.tap.on(({ packet, direction, clientId }) => {
    if (clientId !== 'device' || direction !== 'toBroker') return;
    if (packet === 'connect') seen.connects += 1;
    if (packet === 'disconnect') {
      seen.renewals += 1;
      say(`renewal ${seen.renewals}, ${device.published} published`);
    }
  });
  device.client.on('status', (status) => {
    if (status.state !== 'backingOff' || status.reason === undefined) return;
    const { code, recovery, message } = status.reason;
    say(`device lost its line: ${code}`);
    count(reasons, code);
    if (recovery !== 'retry' || code.startsWith('CREDENTIALS')) wrong.push(message);
  });
  await watcher.connect();
  await watcher.subscribe(WILL, { qos: 1 }, () => {
    seen.wills += 1;
  });
  await device.start();

  const cuts = drawCuts(random, renewals);
  for (const cut of cuts) {
    const before = seen.renewals;
    const isRenewed = () => until(() => seen.renewals > before, RENEWAL_MS);
    await carryOut(cut, { proxy, device, isRenewed });
    say(`${cut.name}, ${device.published} published`);
    if (await isRenewed()) continue;
    wrong.push(`there was no renewal after cut ${cuts.indexOf(cut) + 1}`);
    break;
  }
  device.stop();
  const isSettled = await until(() => device.isWell, RECOVERY_MS);
  if (!isSettled) wrong.push(`the device is ${device.client.status.state} at the end`);
  forget();
  await device.client.close();
  const arrivals = journal.read();
  await watcher.close();
  journal.stop();
  await proxy.stop();
  await core.stop();

  const report = checkHistory(
    [...device.told, ...arrivals.map((id) => ({ t: 0, op: /** @type {const} */ ('received'), id }))],
    { allowResends: cuts.length * WINDOW },
  );
  if (seen.wills > cuts.length) wrong.push(`${seen.wills} Wills were published over ${cuts.length} cuts`);
  if (device.longestWaitMs > USABLE_MS) wrong.push('the device was not usable throughout');
  const rejected = device.told.filter(({ op }) => op === 'rejected').length;
  const kinds = new Map();
  for (const { name } of cuts) count(kinds, name);
  tell('renewals', `${seen.renewals}, of keys that live ${LIFETIME_SECONDS} s; ${seen.connects} lines`);
  tell('cuts', `${countsText(kinds)}; lost by ${countsText(reasons)}`);
  tell('wills', `${seen.wills}, of at most ${cuts.length}: one for a cut, none for a renewal`);
  tell('waited', `${(device.longestWaitMs / 1_000).toFixed(1)} s at most for an acknowledgement`);
  tell('messages', `${device.published} accepted, ${rejected} rejected`);
  const twice = arrivals.length - new Set(arrivals).size;
  tell('twice', `${twice} at the broker, of at most ${cuts.length * WINDOW}`);
  for (const what of wrong.slice(0, MOST_TOLD)) tell('wrong', what);
  return tellWrong('the broker', report) && rejected === 0 && wrong.length === 0;
}

/**
 * One cut for each renewal.
 *
 * @param {() => number} random
 * @param {number} renewals
 * @returns {Cut[]}
 */
function drawCuts(random, renewals) {
  const names = /** @type {const} */ (['cut', 'end', 'cutInRenewal']);
  return Array.from({ length: renewals }, () => ({
    name: names[Math.floor(random() * names.length)] ?? 'cut',
    messages: Math.floor(random() * MOST_MESSAGES),
    bytes: 1 + Math.floor(random() * MOST_BYTES),
    direction: random() < 0.5 ? 'toBroker' : 'toClient',
  }));
}

/**
 * @param {Cut} cut
 * @param {{ proxy: FaultProxy, device: RenewedDevice, isRenewed: () => Promise<boolean> }} world
 */
async function carryOut({ name, messages, bytes, direction }, { proxy, device, isRenewed }) {
  if (name === 'cutInRenewal') {
    await isRenewed();
    proxy.cutAfterBytes(bytes, direction);
    return;
  }
  const from = device.published;
  await until(() => device.published >= from + messages);
  proxy[name]();
}
