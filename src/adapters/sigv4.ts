import { checkRegion, regionOf } from '../protocol/aws-region.ts';
import { describe, type IotError, invalid } from '../protocol/errors.ts';
import { AWS_LIMITS } from '../protocol/limits.ts';
import type {
  Authentication,
  ConnectTarget,
  OpenedStream,
  OpenStream,
  SignInContext,
} from './authentication.ts';
import type { AwsCredentials, CredentialSource } from './aws-credentials.ts';
import { lifetimeOfKeys, lifetimeWithin } from './line-lifetime.ts';
import type { SignUpgrade } from './upgrade-signer.ts';
import { hostHeader, type OpenWebSocket, type WebSocketDialer } from './web-socket.ts';

/** How an upgrade is signed, on every platform. */
export interface SignatureOptions {
  /** The AWS region of the endpoint. Default: the one that an endpoint of AWS names; one of your own names none. */
  readonly region?: string;
  /** For how long a signature is good, from 1 to 604,800 seconds. Default: as long as AWS takes one for. */
  readonly expiresInSeconds?: number;
}

/** What a platform gives to {@link createSigV4}. */
export interface SigV4Parts {
  readonly sign: SignUpgrade;
  readonly dialer: WebSocketDialer;
  readonly source: CredentialSource;
  /** Whether new keys must be got after this failure. Default: when they were refused, as far as the server says. */
  readonly needsNewKeys?: (previous: IotError) => boolean;
}

/** A signature that is five minutes off is refused; a clock that is less off is not what was wrong with it. */
const TOLERATED_SKEW_MS = 4 * 60_000;

class SigV4 implements Authentication {
  readonly kind = 'sigV4';
  readonly #parts: SigV4Parts;
  readonly #options: SignatureOptions;
  /**
   * What the server's clock said, and when by the monotonic one, once a refusal has told that this device's is wrong. By the
   * monotonic one, because the other may be set meanwhile: all keys would seem over then, and nobody would dial to find out.
   */
  #serverTime: { readonly epochMs: number; readonly at: number } | undefined;

  constructor(parts: SigV4Parts, options: SignatureOptions) {
    this.#parts = parts;
    this.#options = options;
    Object.freeze(this);
  }

  defaultPort(): number {
    return 443;
  }

  validate(target: ConnectTarget): void {
    this.#regionFor(target);
    this.#parts.dialer.validate(target);
  }

  async signIn(context: SignInContext): Promise<OpenStream> {
    const { source, dialer, needsNewKeys = wereRefused } = this.#parts;
    const { previous } = context;
    const forceRefresh = previous !== undefined && needsNewKeys(previous);
    const serverClock = this.#serverClock(context);
    // Keys are over when both clocks say so: the server's may be set, or may have been wrong, and only who dials hears of it.
    const wallClock = (): number => Math.min(serverClock(), context.wallClock());
    const credentials = await source.get({ ...context, forceRefresh, wallClock });
    const openWebSocket = await dialer.prepare(context);
    return (dialing) => this.#dial(context, credentials, openWebSocket, dialing);
  }

  /** What it returns is kept as long as the line, and so must know nothing of the keys. */
  async #dial(
    context: SignInContext,
    credentials: AwsCredentials,
    openWebSocket: OpenWebSocket,
    signal: AbortSignal,
  ): Promise<OpenedStream> {
    const now = this.#serverClock(context);
    const { expiration } = credentials;
    const path = await this.#sign(context, credentials, now());
    const serverTime = (epochMs: number): void => this.#learnTime(epochMs, context);
    const opened = await openWebSocket(path, { signal, serverTime });
    return {
      ...opened,
      lifetimeMs: lifetimeUntil(this.#parts.source.isRenewable ? expiration : undefined, now),
    };
  }

  /** The time by the server's clock, as far as that is known: signatures are judged by it, and keys end by it. */
  #serverClock({ clock, wallClock }: SignInContext): () => number {
    return () => {
      const known = this.#serverTime;
      return known === undefined ? wallClock() : known.epochMs + clock.now() - known.at;
    };
  }

  #learnTime(epochMs: number, { clock, wallClock }: SignInContext): void {
    const isWrong = Math.abs(epochMs - wallClock()) > TOLERATED_SKEW_MS;
    this.#serverTime = isWrong ? { epochMs, at: clock.now() } : undefined;
  }

  #sign(target: ConnectTarget, credentials: AwsCredentials, time: number): Promise<string> {
    const { expiresInSeconds } = this.#options;
    const request = {
      host: hostHeader(target),
      region: this.#regionFor(target),
      time: new Date(time),
      ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
    };
    return this.#parts.sign(request, credentials);
  }

  #regionFor({ endpoint }: ConnectTarget): string {
    const { region } = this.#options;
    const named = regionOf(endpoint);
    if (region !== undefined && named !== undefined && region !== named) {
      throw invalid('region', `${describe(named)}, as the endpoint says, or left out`, region);
    }
    const known = region ?? named;
    if (known !== undefined) return known;
    throw invalid(
      'region',
      `given to sigV4(), such as "eu-west-1", because the endpoint ${describe(endpoint)} names none`,
      region,
    );
  }
}

const wereRefused = ({ recovery }: IotError): boolean => recovery === 'reauthenticate';

/** How long a line may last whose keys end then, asked at any time. */
const lifetimeUntil = (expiration: Date | undefined, now: () => number) => (): number =>
  expiration === undefined
    ? lifetimeWithin(AWS_LIMITS.webSocketLifetimeMs)
    : lifetimeOfKeys(AWS_LIMITS.webSocketLifetimeMs, expiration.getTime() - now());

/** Sign-in by Signature Version 4 over a WebSocket, from the parts that a platform has for it. Checks the options. */
export function createSigV4(
  parts: SigV4Parts,
  { region, expiresInSeconds }: SignatureOptions,
): Authentication {
  if (region !== undefined) checkRegion(region);
  if (expiresInSeconds !== undefined && !isWholeWithin(expiresInSeconds, 1, 604_800)) {
    throw invalid('expiresInSeconds', 'a whole number from 1 to 604,800', expiresInSeconds);
  }
  return new SigV4(parts, {
    ...(region === undefined ? {} : { region }),
    ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
  });
}

const isWholeWithin = (value: number, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && value >= least && value <= most;
