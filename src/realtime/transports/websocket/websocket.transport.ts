import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { secretFromRequest } from '../../../access/index.js';
import { parseCursor } from '../../../events/index.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { clientAddress } from '../../../platform/http/client-address.js';
import { draining } from '../admission.js';
import { queryOf, userAgentOf } from '../request-parts.js';
import { PlainOutlet, provePlainFrames, type FrameProof } from '../socket-internals.js';
import { WriteBatches } from '../write-batches.js';
import { ConnectionParts } from './connection-parts.js';
import { upgradeTarget } from './upgrade-paths.js';
import { WebSocketConnection, type ConnectionOrigin } from './websocket-connection.js';
import { WebSocketLink } from './websocket-link.js';

/** Largest message of a client, bytes. */
const MAX_MESSAGE = 64 * 1024;
/** How long a closing handshake may take, ms: a client that reads slowly still gets what was sent before it. */
const CLOSE_TIMEOUT_MS = 10_000;
const LOOK_AFTER_MS = 1_000;

// The published types do not know `closeTimeout` and `maxFragments` yet.
const SERVER_OPTIONS: ServerOptions & { closeTimeout: number; maxFragments: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE,
  maxFragments: 128,
  closeTimeout: CLOSE_TIMEOUT_MS,
};

/** The plain WebSocket API: takes its upgrades from the one HTTP server and looks after the open connections. */
@Injectable()
export class WebSocketTransport implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('PlainWebSocket');
  private readonly sockets = new WebSocketServer(SERVER_OPTIONS);
  private readonly frames: FrameProof = { holds: false };
  private readonly connections = new Set<WebSocketConnection>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly http: HttpAdapterHost,
    private readonly parts: ConnectionParts,
    private readonly batches: WriteBatches,
  ) {}

  onApplicationBootstrap(): void {
    this.frames.holds = provePlainFrames(this.sockets);
    if (!this.frames.holds) this.logger.warn('ws does not let prepared frames through; messages are sent one by one');
    const server: UpgradingServer = this.http.httpAdapter.getHttpServer();
    server.shouldUpgradeCallback = isWebSocketUpgrade;
    server.on('upgrade', (request, stream, head) => this.upgrade(request, stream, head));
    this.timer = setInterval(() => this.lookAfterAll(), LOOK_AFTER_MS).unref();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
    this.parts.admission.drain();
    for (const connection of this.connections) connection.close('server_draining');
  }

  /** Ends the connections that have not said who they are. */
  dismissStrangers(): void {
    for (const connection of this.connections) if (!connection.isKnown) connection.close('server_draining');
  }

  /** Socket.IO's own engine answers its path; whatever nobody serves gets an answer and an end. */
  private upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const target = upgradeTarget(request.url);
    if (target === 'socketio') return;
    if (target === 'unknown') return refuseUpgrade(stream, '404 Not Found');
    if (this.parts.admission.isPassingOn) return refuseUpgrade(stream, '503 Service Unavailable');
    this.sockets.handleUpgrade(request, stream, head, (socket) => this.open(socket, request, stream));
  }

  private open(socket: WebSocket, request: IncomingMessage, stream: Duplex): void {
    const link = new WebSocketLink(socket, new PlainOutlet(socket, stream, this.frames), this.batches);
    const connection = new WebSocketConnection(socket, link, this.originOf(request), this.parts);
    this.connections.add(connection);
    socket.on('message', (data, isBinary) => connection.receive(data as Buffer, isBinary));
    socket.on('pong', () => connection.heard());
    socket.on('error', ignore);
    socket.on('close', () => {
      this.connections.delete(connection);
      connection.end();
    });
    const refusal = this.refusalOf(request);
    if (refusal) return link.fail(refusal);
    const query = queryOf(request.url);
    const secret = secretFromRequest({ headers: request.headers, query: Object.fromEntries(query) });
    if (secret) void connection.enter(secret, parseCursor(query.get('since')) !== undefined);
  }

  private refusalOf(request: IncomingMessage): DomainError | undefined {
    const { corsOrigins } = this.parts.settings;
    const { origin } = request.headers;
    if (origin !== undefined && !corsOrigins.includes('*') && !corsOrigins.includes(origin)) {
      return new DomainError('forbidden', 'Pages of this origin may not connect.');
    }
    return this.parts.admission.isDraining ? draining() : undefined;
  }

  private originOf(request: IncomingMessage): ConnectionOrigin {
    return {
      id: randomUUID(),
      address: clientAddress(request, this.parts.settings.trustProxy),
      userAgent: userAgentOf(request),
    };
  }

  private lookAfterAll(): void {
    const now = this.parts.clock.now();
    for (const connection of this.connections) connection.lookAfter(now);
  }
}

/** The server's own property, which the published types know as an option only. */
type UpgradingServer = Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };

/** Other protocols a client would rather speak (`curl --http2` offers h2c) are passed over: it is answered over HTTP/1.1. */
function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

function refuseUpgrade(stream: Duplex, status: string): void {
  stream.on('error', ignore);
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => stream.destroy());
}

/** The end of a connection is told by `close`; a network error says nothing more. */
function ignore(): void {}
