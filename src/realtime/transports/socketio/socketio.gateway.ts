import { Logger } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayInit } from '@nestjs/websockets';
import type { Namespace, Server, Socket } from 'socket.io';
import { UsageLimits, type Caller } from '../../../access/index.js';
import { asDomainError, DomainError } from '../../../platform/errors/domain-error.js';
import { sessionBecomesKnown } from '../../../platform/http/connections/peers.js';
import { Settings } from '../../../platform/settings/settings.js';
import { RealtimeHub } from '../../core/hub.js';
import { Admission } from '../admission.js';
import { proveEngineFrames, type FrameProof } from '../socket-internals.js';
import { WriteBatches } from '../write-batches.js';
import { keepLittleOfRequests, nameSessions, turnAwayNewSessions } from './engine-entry.js';
import { credentialsOf, forgetSecrets, isResuming, Refusal, userAgentOf } from './handshake.js';
import { SocketConnection } from './socket-connection.js';
import { SocketIoLink } from './socketio-link.js';

/** Two names of the same service. */
const NAMESPACES = ['/v1/realtime', '/v2/realtime'];

/**
 * The entry of Socket.IO clients. It only attaches to the namespaces: every event of a client, known or not, is answered
 * by `SocketConnection`, which Nest's message handlers could not do.
 */
@WebSocketGateway()
export class SocketIoGateway implements OnGatewayInit<Server> {
  private readonly logger = new Logger(SocketIoGateway.name);
  /** Until it is known whether the engine takes prepared frames, it is given text. */
  private readonly frames: FrameProof = { holds: false };

  constructor(
    private readonly hub: RealtimeHub,
    private readonly admission: Admission,
    private readonly limits: UsageLimits,
    private readonly batches: WriteBatches,
    private readonly settings: Settings,
  ) {}

  afterInit(server: Server): void {
    void this.prove(server);
    nameSessions(server.engine, this.settings.podId);
    keepLittleOfRequests(server.engine);
    turnAwayNewSessions(server.engine, () => this.admission.isPassingOn);
    // The default namespace always exists; nobody is let in there.
    server.of('/').use((_, next) => next(new Refusal(new DomainError('not_found', `Use ${NAMESPACES.join(' or ')}.`))));
    for (const name of NAMESPACES) this.attach(server.of(name));
  }

  private async prove({ engine }: Server): Promise<void> {
    this.frames.holds = await proveEngineFrames(engine);
    if (!this.frames.holds) this.logger.warn('engine.io does not take prepared frames; messages are sent one by one');
  }

  private attach(namespace: Namespace): void {
    namespace.use(async (socket, next) => next(await this.admit(socket)));
    namespace.on('connection', (socket) => this.open(socket));
  }

  /** Lets a client in, or says why not. It is counted for as long as its connection lasts, whatever happens to it. */
  private async admit(socket: Socket): Promise<Refusal | undefined> {
    const credentials = credentialsOf(socket, this.settings.trustProxy);
    try {
      const caller = await this.admission.admit(credentials, socket.id, isResuming(socket));
      const forget = sessionBecomesKnown(String(Reflect.get(socket.conn, 'id')));
      let inside = true;
      const leave = () => {
        if (inside) this.admission.leave(caller, socket.id);
        inside = false;
        forget();
        socket.conn.off('close', leave);
      };
      socket.data = { caller, leave };
      forgetSecrets(socket);
      if (socket.conn.readyState === 'open') socket.conn.on('close', leave);
      else leave();
      return undefined;
    } catch (error) {
      // A library that is told of a refusal gives up; one whose connection ends comes back until it finds a server.
      if (await this.admission.wasSentAway(credentials)) socket.conn.close();
      return this.refusal(error);
    }
  }

  private open(socket: Socket): void {
    const { caller, leave } = socket.data as { caller: Caller; leave: () => void };
    const link = new SocketIoLink(socket, this.batches, this.frames);
    const session = this.hub.open(link, {
      caller,
      connectionId: socket.id,
      address: credentialsOf(socket, this.settings.trustProxy).address,
      userAgent: userAgentOf(socket),
      region: this.settings.region,
    });
    void socket.join([`user:${caller.userId}`, `key:${caller.keyId}`]);
    socket.onAny(new SocketConnection(link, session, this.limits).receive);
    socket.on('disconnect', () => {
      session.end();
      leave();
    });
  }

  private refusal(error: unknown): Refusal {
    const known = asDomainError(error);
    if (known.code === 'internal_error') this.logger.error({ err: error }, 'A connection could not be opened');
    return new Refusal(known);
  }
}
