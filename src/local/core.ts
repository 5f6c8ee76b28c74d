import type { Authentication } from '../adapters/authentication.ts';
import type { AwsCredentials } from '../adapters/aws-credentials.ts';
import { type CustomAuthorizerOptions, customAuthorizer } from '../adapters/custom-authorizer.ts';
import { sigV4 } from '../adapters/node-sigv4.ts';
import { plainTcp } from '../adapters/plain-tcp.ts';
import type { Changes } from '../protocol/changes.ts';
import { type Clock, MAX_DELAY_MS, systemClock, type Timer } from '../protocol/clock.ts';
import { IotError, invalid } from '../protocol/errors.ts';
import type { QoS } from '../protocol/message.ts';
import type { RateLimit } from '../protocol/queue-limits.ts';
import type { Broker, ConnectedClient, ReceivedMessage } from './broker.ts';
import type { CertificateAuthority } from './certificates.ts';
import { cognitoDoor } from './cognito-listener.ts';
import { DeviceAuthentication } from './device-authentication.ts';
import { Doors } from './doors.ts';
import { Faults } from './faults.ts';
import { Gate } from './gate.ts';
import type { HttpDoor } from './http-door.ts';
import { IdentityPool } from './identity-pool.ts';
import { IssuedCredentials, type IssueOptions } from './issued-credentials.ts';
import type { LocalIotCoreLimits } from './limits.ts';
import { Lines, type OpenConnection } from './lines.ts';
import { Listener, type ListenerPorts } from './listener.ts';
import type { LocalIotCoreOptions } from './options.ts';
import type { Policy } from './policy.ts';
import { LocalShadows } from './shadow-calls.ts';
import type { ShadowFaults } from './shadow-faults.ts';
import { shadowDoor } from './shadow-http.ts';
import type { ShadowService } from './shadow-service.ts';
import { SigV4Verifier } from './sigv4-verifier.ts';
import { Tap } from './tap.ts';
import type { LocalIotCoreWarning } from './warning.ts';
import { WebSocketListener } from './web-socket-listener.ts';

/** What a device needs to connect with mutual TLS. Certificate, key and CA are PEM. */
export interface DeviceCredentials {
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The options of `createIotClient` that say where this core is and how to sign in to it. Add others by spreading. */
export interface LocalClientOptions {
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  readonly ca?: string;
  readonly auth: Authentication;
  /** As much as this core lets through; `false` when it counts nothing. */
  readonly rateLimit: RateLimit | false;
  /** As many as this core takes; a client that is refused one more keeps its connection. */
  readonly maxSubscriptions: number;
  /** As often as this core takes a CONNECT of one client. */
  readonly connectIntervalMs: number;
}

/** What `cognitoIdentity()` and the AWS SDK need to get keys of this core from its identity pool. */
export interface LocalCognito {
  readonly identityPoolId: string;
  readonly region: string;
  readonly endpoint: string;
}

const ENDPOINT = 'localhost';
const REGION = 'us-east-1';
const ALPN = ['x-amzn-mqtt-ca'];
const LIFETIME_SECONDS = 3_600;

/** What a core is made of. */
export interface CoreParts {
  readonly broker: Broker;
  readonly authority: CertificateAuthority;
  readonly policy: Policy;
  readonly limits: LocalIotCoreLimits;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly shadows: ShadowService;
  readonly shadowFaults: ShadowFaults;
  warn(warning: LocalIotCoreWarning): void;
}

/** A running local AWS IoT Core. */
export class LocalIotCore {
  /** The host name to connect to, as the server's certificate says it. */
  readonly endpoint = ENDPOINT;
  /** The AWS region that this core plays. */
  readonly region = REGION;
  /** The certificate to trust, PEM. */
  readonly ca: string;
  /** Sees and holds every packet. */
  readonly tap: Tap;
  /** Makes the core misbehave. */
  readonly faults: Faults;
  /** Its device shadows. */
  readonly shadows: LocalShadows;

  readonly #parts: CoreParts;
  readonly #credentials: IssuedCredentials;
  readonly #lines: Lines;
  readonly #doors: Doors;
  readonly #secure: Listener;
  readonly #plain: Listener | undefined;
  readonly #webSocket: WebSocketListener;
  readonly #identityPool: IdentityPool;
  readonly #cognito: HttpDoor;
  readonly #http: HttpDoor;
  #restartTimer: { readonly timer: Timer; readonly wake: () => void } | undefined;
  #stopped: Promise<void> | undefined;

  /** @internal */
  constructor(options: LocalIotCoreOptions, parts: CoreParts) {
    const gate = new Gate();
    this.#parts = parts;
    this.ca = parts.authority.ca;
    this.tap = new Tap(gate, parts.changes);
    this.#lines = new Lines({ ...parts, gate, record: (record) => this.tap.record(record) });
    this.shadows = new LocalShadows(parts.shadows);
    this.faults = new Faults({
      gate,
      shadows: parts.shadowFaults,
      cut: (target) => this.#lines.cut(target),
      stopListening: () => this.#doors.close(),
      listen: () => this.#listen(),
    });
    this.#credentials = new IssuedCredentials(options.credentialLifetimeSeconds ?? LIFETIME_SECONDS);

    const ports: ListenerPorts = {
      opened: (socket) => this.#lines.opened(socket),
      accepted: (accepted) => this.#lines.accepted(accepted),
      refused: (why) => this.#warn(why),
    };
    const { server, ca } = parts.authority;
    this.#secure = new Listener(options.port ?? 0, ports, {
      ...server,
      ca,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ALPN,
    });
    this.#plain = options.plainPort === undefined ? undefined : new Listener(options.plainPort, ports);
    const now = (): number => this.faults.wallClock();
    this.#webSocket = new WebSocketListener(options.webSocketPort ?? 0, server, {
      ...ports,
      now,
      verifier: new SigV4Verifier(REGION, { now, find: (id) => this.#credentials.find(id) }),
      hasAuthorizer: options.authorizer !== undefined,
      takeUpgradeRefusal: () => this.faults.takeUpgradeRefusal(),
      warn: (what) => this.#warn(what),
    });
    this.#identityPool = new IdentityPool(REGION, { issue: () => this.issueCredentials() });
    this.#cognito = cognitoDoor(options.cognitoPort ?? 0, {
      pool: this.#identityPool,
      warn: (what) => this.#warn(what),
    });
    this.#http = shadowDoor(options.httpPort ?? 0, {
      service: parts.shadows,
      longestBodyBytes: parts.limits.payloadBytes,
      warn: (what) => this.#warn(what),
    });
    const doors = [this.#secure, this.#webSocket, this.#cognito, this.#http];
    this.#doors = new Doors(this.#plain === undefined ? doors : [...doors, this.#plain]);
  }

  /** The port for mutual TLS. */
  get port(): number {
    return this.#secure.port;
  }

  /** The port without TLS, when one was asked for. */
  get plainPort(): number | undefined {
    return this.#plain?.port;
  }

  /** The port for clients without a certificate: WebSockets, and MQTT in TLS with ALPN `mqtt`. */
  get webSocketPort(): number {
    return this.#webSocket.port;
  }

  /** The Amazon Cognito identity pool of this core: `cognitoIdentity(core.cognito)`. It believes every login. */
  get cognito(): LocalCognito {
    const endpoint = `http://${ENDPOINT}:${this.#cognito.port}`;
    return { identityPoolId: this.#identityPool.id, region: REGION, endpoint };
  }

  /** Where its shadows are over HTTP: `GET`, `POST` and `DELETE` of `/things/{thing}/shadow[?name=]`. */
  get httpUrl(): string {
    return `http://${ENDPOINT}:${this.#http.port}`;
  }

  /** The clients as the broker knows them now. */
  get clients(): readonly ConnectedClient[] {
    return this.#parts.broker.clients;
  }

  /** The TCP sockets that are open now. */
  get connections(): readonly OpenConnection[] {
    return this.#lines.open;
  }

  /**
   * The newest messages that clients published and the broker accepted, oldest first; at least 10,000 are kept, or as
   * many as have 64 MiB of payload together.
   */
  get received(): readonly ReceivedMessage[] {
    return this.#parts.broker.received.entries;
  }

  /**
   * Resolves once `isTrue` holds, which may look at anything that this core shows: `core.when(() => core.clients.length
   * === 0)`. Rejects when the core stops first.
   */
  when(isTrue: () => boolean): Promise<void> {
    return this.#parts.changes.when(isTrue);
  }

  /** A certificate of this core's CA and all else that a device needs. The same client id gets the same certificate. */
  async deviceCredentials(clientId: string): Promise<DeviceCredentials> {
    const { cert, key } = await this.#parts.authority.device(clientId);
    return { endpoint: ENDPOINT, port: this.port, clientId, ca: this.ca, cert, key };
  }

  /** The options of a client that signs in with a certificate of its own: `createIotClient(core.deviceOptions('lamp'))`. */
  deviceOptions(clientId: string): LocalClientOptions {
    const auth = new DeviceAuthentication(() => this.#parts.authority.device(clientId));
    return { ...this.#place(clientId, this.port), ca: this.ca, auth };
  }

  /** The options of a client that connects without TLS. Only with the option `plainPort`. */
  plainOptions(clientId: string): LocalClientOptions {
    if (this.plainPort === undefined) throw invalid('plainPort', 'given to startLocalIotCore', undefined);
    return { ...this.#place(clientId, this.plainPort), auth: plainTcp() };
  }

  /**
   * AWS keys for MQTT over WebSocket to this core. Temporary ones have a session token, and an expiration; without
   * `sessionToken` they are good for ever, unless `lifetimeSeconds` is given.
   */
  issueCredentials(options: IssueOptions = {}): AwsCredentials {
    return this.#credentials.issue(this.faults.wallClock(), options);
  }

  /** The options of a client of MQTT over WebSocket, with temporary keys of this core that it renews. */
  webSocketOptions(clientId: string): LocalClientOptions {
    const auth = sigV4({ credentials: () => this.issueCredentials(), region: REGION });
    return { ...this.#place(clientId, this.webSocketPort), ca: this.ca, auth };
  }

  /**
   * The options of a client that the `authorizer` of this core decides about: MQTT in TLS, or with `webSocket: true` over a
   * WebSocket.
   */
  authorizerOptions(clientId: string, options: CustomAuthorizerOptions): LocalClientOptions {
    const auth = customAuthorizer(options);
    return { ...this.#place(clientId, this.webSocketPort), ca: this.ca, auth };
  }

  /** Publishes as the cloud would. Resolves when the message is written to every subscriber that is there. */
  async publish(
    topic: string,
    payload: string | Uint8Array,
    { qos = 0, retain = false }: { readonly qos?: QoS; readonly retain?: boolean } = {},
  ): Promise<void> {
    if (this.#isStopped()) throw stopped();
    await this.#parts.broker.publish(topic, payload, qos, retain);
  }

  /**
   * Goes down and comes back on the same ports. Connections are reset; persistent sessions, retained messages and
   * faults are kept.
   */
  async restart({ downMs = 0 }: { readonly downMs?: number } = {}): Promise<void> {
    if (this.#isStopped()) throw stopped();
    await this.#shut();
    await this.#pause(downMs);
    if (!this.#isStopped()) await this.#listen();
  }

  /** Frees everything. Calling it again is harmless. */
  stop(): Promise<void> {
    this.#stopped ??= this.#free();
    return this.#stopped;
  }

  /** As `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Where a client finds this core, and how fast it may be there. */
  #place(clientId: string, port: number): Omit<LocalClientOptions, 'auth'> {
    const { publishesPerSecond, bytesPerSecond, connectsPerSecondPerClientId, subscriptionsPerConnection } =
      this.#parts.limits;
    const isCounted = publishesPerSecond < Infinity || bytesPerSecond < Infinity;
    // A client takes no less than this, whatever a test makes of the limits.
    const atLeastOne = (limit: number): number => Math.max(1, Math.floor(limit));
    return {
      endpoint: ENDPOINT,
      port,
      clientId,
      rateLimit: isCounted && {
        publishesPerSecond: atLeastOne(publishesPerSecond),
        bytesPerSecond: atLeastOne(bytesPerSecond),
      },
      maxSubscriptions: atLeastOne(subscriptionsPerConnection),
      connectIntervalMs: Math.min(Math.ceil(1_000 / connectsPerSecondPerClientId), MAX_DELAY_MS),
    };
  }

  #isStopped(): boolean {
    return this.#stopped !== undefined;
  }

  async #listen(): Promise<void> {
    if (this.#isStopped()) throw stopped();
    await this.#doors.open();
  }

  /** Closes the ports, and resets what is open. */
  async #shut(): Promise<void> {
    this.#doors.close();
    await Promise.all([this.#lines.cut(), this.#cognito.cut(), this.#http.cut()]);
  }

  #warn(what: string): void {
    this.#parts.warn({ code: 'REFUSED', clientId: undefined, message: `the local core ${what}` });
  }

  #pause(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#restartTimer = { timer: systemClock.setTimeout(resolve, ms), wake: resolve };
    });
  }

  async #free(): Promise<void> {
    if (this.#restartTimer !== undefined) {
      systemClock.clearTimeout(this.#restartTimer.timer);
      this.#restartTimer.wake();
    }
    this.faults.close();
    this.#parts.changes.close(stopped());
    await this.#shut();
    await this.#parts.broker.stop();
    // Nobody asks any more: another core may have the directory.
    this.#parts.shadows.close();
  }
}

/** What is asked of a core that has stopped, or was stopped meanwhile. */
function stopped(): IotError {
  return new IotError('CLOSED', 'the local IoT core was stopped');
}
