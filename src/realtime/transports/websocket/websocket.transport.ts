import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { secretFromRequest, type Caller } from '../../../access/index.js';
import { parseCursor } from '../../../events/index.js';
import { asDomainError, DomainError } from '../../../platform/errors/domain-error.js';
import { clientAddress } from '../../../platform/request/client-address.js';
import { becomesKnown as connectionBecomesKnown } from '../../../platform/http/connections/known-callers.js';
import { endWithProblem } from '../../../platform/http/connections/raw-problem.js';
import type { BackgroundLoop } from '../../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../../platform/process/background-loops.js';
import { draining, tooManyConnects } from '../admission/connection-admission.js';
import { queryOf, userAgentOf } from '../admission/request-parts.js';
import { beforeUnreadable, PlainOutlet, provePlainFrames, type FrameProof } from '../sending/socket-internals.js';
import { WriteBatches } from '../sending/write-batches.js';
import { ConnectionParts } from './connection-parts.js';
import { pathOf, upgradeTarget, type UpgradeTarget } from './upgrade-paths.js';
import { WebSocketConnection, type ConnectionOrigin } from './websocket-connection.js';
import { WebSocketLink } from './websocket-link.js';

/** Maximum number of fragments of one message: each fragment is stored separately until the last has arrived. */
const MAX_FRAGMENTS = 1_024;
/** Largest message of a client, bytes. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/**
 * Time limit of a closing handshake, ms: a client that reads slowly still receives the messages sent before the close
 * frame.
 */
const CLOSE_TIMEOUT_MS = 10_000;
const CHECK_INTERVAL_MS = 1_000;

// Options with `closeTimeout` and `maxFragments`, which the published types lack.
const SERVER_OPTIONS: ServerOptions & { closeTimeout: number; maxFragments: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
  maxFragments: MAX_FRAGMENTS,
  // Off: `ws` processes one frame per turn, so that thousands of frames in one packet do not block the event loop.
  allowSynchronousEvents: false,
  closeTimeout: CLOSE_TIMEOUT_MS,
};

/** Plain WebSocket API: accepts its upgrades from the HTTP server and checks the open connections. */
@Injectable()
export class WebSocketTransport implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('PlainWebSocket');
  private readonly sockets = new WebSocketServer(SERVER_OPTIONS);
  private readonly frames: FrameProof = { holds: false };
  private readonly connections = new Set<WebSocketConnection>();
  private readonly checks: BackgroundLoop;

  constructor(
    private readonly http: HttpAdapterHost,
    private readonly parts: ConnectionParts,
    private readonly batches: WriteBatches,
    loops: BackgroundLoops,
  ) {
    this.checks = loops.loop({
      name: 'websocket_checks',
      intervalMs: CHECK_INTERVAL_MS,
      isDelayed: true,
      run: () => this.checkAll(),
    });
  }

  onApplicationBootstrap(): void {
    this.frames.holds = provePlainFrames(this.sockets);
    if (!this.frames.holds)
      this.logger.warn('pre-encoded frames not supported by this version of ws; messages are sent one by one');
    const server: UpgradingServer = this.http.httpAdapter.getHttpServer();
    server.shouldUpgradeCallback = isWebSocketUpgrade;
    server.on('upgrade', (request, stream, head) => this.upgrade(request, stream, head));
    this.sockets.on('wsClientError', (error, stream, request) => {
      const { message } = error;
      endWithProblem(stream, new DomainError('invalid_request', `${message}; see RFC 6455.`), pathOf(request.url));
    });
    this.checks.start();
  }

  beforeApplicationShutdown(): void {
    void this.checks.stop();
    this.parts.admission.drain();
    for (const connection of this.connections) connection.close('server_draining');
  }

  /** Ends the connections that have not presented a valid key. */
  dismissStrangers(): void {
    for (const connection of this.connections) if (!connection.isKnown) connection.close('server_draining');
  }

  /**
   * Routes an upgrade. The engine of Socket.IO handles its own path; an unknown path is answered and the connection ends.
   */
  private upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const target = upgradeTarget(request.url);
    if (target === 'socketio') return;
    stream.on('error', ignore);
    this.enter(request, stream, head, target).catch((error: unknown) => {
      endWithProblem(stream, asDomainError(error), pathOf(request.url));
    });
  }

  /**
   * Admits an upgrade. A request with a valid key is admitted regardless of other connections of its address. A
   * connection without a key counts against the limit of its address until it presents a valid key.
   */
  private async enter(request: IncomingMessage, stream: Duplex, head: Buffer, target: UpgradeTarget): Promise<void> {
    if (target === 'unknown') throw new DomainError('not_found', 'No WebSocket service at this address.');
    if (this.parts.admission.isPassingOn) throw draining();
    const origin = this.originOf(request);
    const shown = await this.recognise(request, origin);
    const place = shown.caller ? undefined : await this.parts.strangers.enter(origin.address);
    if (!shown.caller && !place) throw tooManyConnects();
    if (place) stream.once('close', () => place.leave());
    if (stream.destroyed) return place?.leave();
    const becomesKnown = () => {
      place?.known();
      connectionBecomesKnown(request);
    };
    this.sockets.handleUpgrade(request, stream, head, (socket) =>
      this.open(socket, request, { ...origin, becomesKnown }, shown),
    );
  }

  /**
   * Returns the caller of the key in the request, or the reason why the key is refused; neither if the request has no
   * key.
   */
  private async recognise(request: IncomingMessage, { address }: Newcomer): Promise<ShownKey> {
    const query = queryOf(request.url);
    const secret = secretFromRequest({ headers: request.headers, query: Object.fromEntries(query) });
    const refusal = this.refusalOf(request);
    if (refusal || secret === undefined) return { refusal };
    const resuming = parseCursor(query.get('since')) !== undefined;
    try {
      return { resuming, caller: await this.parts.admission.recognise({ secret, transport: 'websocket', address }) };
    } catch (error) {
      return { refusal: asDomainError(error) };
    }
  }

  private open(socket: WebSocket, request: IncomingMessage, origin: ConnectionOrigin, shown: ShownKey): void {
    const link = new WebSocketLink(socket, new PlainOutlet(socket, request.socket, this.frames), this.batches);
    const connection = new WebSocketConnection(socket, link, origin, this.parts);
    this.connections.add(connection);
    socket.on('message', (data, isBinary) => connection.receive(data as Buffer, isBinary));
    socket.on('ping', () => connection.recordInput());
    socket.on('pong', () => connection.recordInput());
    beforeUnreadable(socket, (error) => connection.unreadable(error.code));
    socket.on('error', ignore);
    socket.on('close', () => {
      this.connections.delete(connection);
      connection.end();
    });
    if (shown.refusal) return connection.refuseAdmission(shown.refusal);
    if (shown.caller) void connection.enter(shown.caller, shown.resuming ?? false);
  }

  private refusalOf(request: IncomingMessage): DomainError | undefined {
    const { corsOrigins } = this.parts.settings;
    const { origin } = request.headers;
    if (origin !== undefined && !corsOrigins.includes('*') && !corsOrigins.includes(origin)) {
      return new DomainError('forbidden', 'Pages of this origin may not connect.');
    }
    return this.parts.admission.isDraining ? draining() : undefined;
  }

  private originOf(request: IncomingMessage): Newcomer {
    return {
      id: randomUUID(),
      address: clientAddress(request, this.parts.settings.trustProxy),
      userAgent: userAgentOf(request),
    };
  }

  private checkAll(): void {
    for (const connection of this.connections) connection.check();
  }
}

type Newcomer = Omit<ConnectionOrigin, 'becomesKnown'>;

/** Result of the authentication of an upgrade request. */
interface ShownKey {
  readonly caller?: Caller;
  readonly resuming?: boolean;
  readonly refusal?: DomainError;
}

/** HTTP server with a property that the published types contain only as an option. */
type UpgradingServer = Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };

/**
 * Whether the upgrade is to WebSocket. Other protocols (`curl --http2` offers h2c) are ignored: such a request is
 * answered over HTTP/1.1.
 */
function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** The event `close` reports the end of a connection; a network error needs no further handling. */
function ignore(): void {}
