import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayInit } from '@nestjs/websockets';
import type { Namespace, Server, Socket } from 'socket.io';
import { UsageLimits } from '../../../access/index.js';
import { asDomainError, DomainError } from '../../../platform/errors/domain-error.js';
import { LoopGuard } from '../../../platform/loop/loop-guard.js';
import { Settings } from '../../../platform/settings/settings.js';
import { RealtimeHub } from '../../core/hub.js';
import type { Session } from '../../core/session/session.js';
import { giveToken, proveEngineFrames, type FrameProof } from '../sending/socket-internals.js';
import { WriteBatches } from '../sending/write-batches.js';
import { Doorstep } from './doorstep.js';
import { keepLittleOfRequests, nameSessions } from './engine-entry.js';
import { SocketIoEntry, type Entry } from './entry.js';
import { credentialsOf, forgetSecrets, Refusal, userAgentOf } from './handshake.js';
import { SocketConnection } from './socket-connection.js';
import { SocketIoLink } from './socketio-link.js';
import { NAMESPACES, Wire } from './wire.js';

interface Guest extends Entry {
  readonly address: string;
  readonly leave: () => void;
}

/**
 * Accepts Socket.IO clients. It only attaches to the namespaces: `SocketConnection` answers every event of a client,
 * including unknown events, which Nest's message handlers cannot do.
 */
@WebSocketGateway()
export class SocketIoGateway implements OnGatewayInit<Server> {
  private readonly logger = new Logger('SocketIo');
  /** Whether a test has shown that the engine sends prepared frames unchanged; until then the engine is given text. */
  private readonly frames: FrameProof = { holds: false };
  private readonly guests = new WeakMap<Socket, Guest>();

  constructor(
    private readonly hub: RealtimeHub,
    private readonly entry: SocketIoEntry,
    private readonly doorstep: Doorstep,
    private readonly limits: UsageLimits,
    private readonly batches: WriteBatches,
    private readonly settings: Settings,
    private readonly loop: LoopGuard,
  ) {}

  afterInit(server: Server): void {
    void this.prove(server);
    nameSessions(server.engine, this.settings.podId);
    keepLittleOfRequests(server.engine);
    this.doorstep.guard(server.engine);
    // The default namespace always exists; no client is admitted there.
    server
      .of('/')
      .use((_, next) =>
        next(new Refusal(new DomainError('not_found', `Unknown namespace; allowed: ${NAMESPACES.join(', ')}.`))),
      );
    for (const name of NAMESPACES) this.attach(server.of(name));
  }

  private async prove({ engine }: Server): Promise<void> {
    this.frames.holds = await proveEngineFrames(engine);
    if (!this.frames.holds)
      this.logger.warn('pre-encoded frames not supported by this version of engine.io; messages are sent one by one');
  }

  private attach(namespace: Namespace): void {
    namespace.use(async (socket, next) => next(await this.admit(socket)));
    namespace.on('connection', (socket) => this.open(socket));
  }

  /** Admits a client or returns the refusal. An admitted connection is counted until it ends. */
  private async admit(socket: Socket): Promise<Refusal | undefined> {
    const credentials = credentialsOf(socket, this.settings.trustProxy);
    let who = credentials.address;
    try {
      const caller = await this.entry.identify(credentials);
      who = caller.keyId;
      const entry = await this.entry.enter(caller, credentials.address, socket);
      this.letIn(socket, { ...entry, address: credentials.address });
      return undefined;
    } catch (error) {
      const known = asDomainError(error);
      if (known.code === 'internal_error') this.logger.error({ err: error }, 'connection could not be opened');
      Wire.of(socket.conn).refused(socket.nsp.name);
      return this.refuse(socket, known, who);
    }
  }

  private letIn(socket: Socket, entry: Omit<Guest, 'leave'>): void {
    const { caller } = entry;
    let inside = true;
    const leave = () => {
      if (inside) this.entry.leave(caller, socket.id);
      inside = false;
      socket.conn.off('close', leave);
    };
    socket.data = { caller };
    giveToken(socket, entry.ticket.token);
    forgetSecrets(socket);
    if (socket.conn.readyState !== 'open') return this.entry.abandon(entry, socket.id);
    this.guests.set(socket, { ...entry, leave });
    socket.conn.on('close', leave);
    this.doorstep.known(socket.conn);
  }

  /**
   * Refuses a client. socket.io-client gives up after a refusal, but reconnects after the end of a connection until it
   * reaches a server. So only final refusals are sent; after a retryable error the connection ends after a pause.
   */
  private async refuse(socket: Socket, error: DomainError, who: string): Promise<Refusal> {
    const pauseMs = this.doorstep.refused(error, who);
    if (error.retryable) {
      if (pauseMs > 0) await sleep(pauseMs);
      Wire.of(socket.conn).end('unavailable', error.message);
    }
    return new Refusal(error);
  }

  private open(socket: Socket): void {
    const guest = this.guests.get(socket);
    if (!guest) return void socket.disconnect(true);
    const { caller, ticket, kept, address, leave } = guest;
    const link = new SocketIoLink(socket, this.batches, this.frames);
    const session = this.hub.open(link, {
      caller,
      connectionId: socket.id,
      address,
      userAgent: userAgentOf(socket),
      region: this.settings.region,
      resume: ticket,
    });
    const wire = Wire.of(socket.conn);
    wire.enter(socket.nsp.name, session);
    void socket.join([`user:${caller.userId}`, `key:${caller.keyId}`]);
    socket.onAny(new SocketConnection(link, session, this.limits, this.loop).receive);
    socket.on('disconnect', (reason) => {
      session.hasLeft = reason === 'client namespace disconnect';
      session.end();
      leave();
      wire.leave(socket.nsp.name);
    });
    if (kept) void this.bringBack(guest, link, session);
  }

  /** Continues the earlier session of the client, and notifies the client when all missed events have been sent. */
  private async bringBack({ kept, offset }: Entry, link: SocketIoLink, session: Session): Promise<void> {
    if (!kept) return;
    try {
      const answer = await session.resume(kept, offset);
      link.sendMessage('resumed', { ...answer });
      session.noteMessageSent();
    } catch (error) {
      const { code, message } = asDomainError(error);
      if (code === 'internal_error') this.logger.error({ err: error }, 'session could not be resumed');
      session.close('unavailable', message);
    }
  }
}
