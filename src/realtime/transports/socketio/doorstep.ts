import type { IncomingMessage } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import type { Server, Socket } from 'socket.io';
import { StrangerLimits, type StrangerPlace } from '../../../access/index.js';
import { Clock } from '../../../platform/clock/clock.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { clientAddress } from '../../../platform/request/client-address.js';
import { sessionBecomesKnown } from '../../../platform/http/connections/known-callers.js';
import { metricOf } from '../../../platform/metrics/metric-of.js';
import { Metrics } from '../../../platform/metrics/metrics.js';
import { Settings } from '../../../platform/settings/settings.js';
import { ConnectionAdmission } from '../admission/connection-admission.js';
import { guardDoor, type Doorkeeper } from './engine-door.js';
import { RefusalPauses } from './refusal-pauses.js';
import { Wire } from './wire.js';

type Engine = Server['engine'];
type Connection = Socket['conn'];

/** Time after which a handshake that has not become a connection no longer counts against its address, ms. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

interface Held {
  readonly place: StrangerPlace;
  readonly timer: NodeJS.Timeout;
}

/** Socket.IO clients before their admission: limits how many may wait and for how long, and records refusals. */
@Injectable()
export class Doorstep implements Doorkeeper {
  private readonly logger = new Logger('SocketIo');
  private readonly pauses: RefusalPauses;
  private readonly refusals: Counter<'transport' | 'code'>;
  private readonly held = new WeakMap<object, Held>();
  private readonly places = new WeakMap<Connection, StrangerPlace>();
  private readonly recognised = new WeakSet<Connection>();

  constructor(
    private readonly admission: ConnectionAdmission,
    private readonly strangers: StrangerLimits,
    private readonly settings: Settings,
    clock: Clock,
    metrics: Metrics,
  ) {
    this.pauses = new RefusalPauses(() => clock.elapsed());
    this.refusals = new Counter({
      ...metricOf('ws_refused_total'),
      registers: [metrics.registry],
    });
  }

  guard(engine: Engine): void {
    guardDoor(engine, this);
    // Prepended: it must run before another listener replaces the connection's request.
    engine.prependListener('connection', (connection: Connection) => this.stand(connection));
    engine.on('connection_error', ({ req }: { req?: IncomingMessage }) => req && this.giveUp(req));
  }

  isWelcome(origin: string): boolean {
    const { corsOrigins } = this.settings;
    return corsOrigins.includes('*') || corsOrigins.includes(origin);
  }

  async refusal(request: IncomingMessage): Promise<DomainError | undefined> {
    const error = (await this.admission.closedBecause()) ?? (await this.takePlace(request));
    if (error) this.count(error);
    return error;
  }

  /** Frees the place of a connection that presented a valid key; the connection takes no place again. */
  known(connection: Connection): void {
    this.places.get(connection)?.known();
    if (this.recognised.has(connection)) return;
    this.recognised.add(connection);
    const [id, address] = [Reflect.get(connection, 'id'), connection.remoteAddress];
    connection.once('close', sessionBecomesKnown(String(id), address));
  }

  /** Records a refusal at CONNECT. Returns the pause before the client's connection is ended, ms. */
  refused(error: DomainError, who: string): number {
    this.count(error);
    if (!error.retryable || error.code === 'server_draining') return 0;
    const { ms, isFirst } = this.pauses.next(who);
    if (isFirst) this.logger.log({ code: error.code, who }, 'connection refused; the client may try again later');
    return ms;
  }

  private async takePlace(request: IncomingMessage): Promise<DomainError | undefined> {
    const place = await this.strangers.enter(clientAddress(request, this.settings.trustProxy));
    if (place === undefined) {
      const retryAfterMs = 5_000;
      return new DomainError('rate_limited', 'Too many connections without a key from this address.', { retryAfterMs });
    }
    const timer = setTimeout(() => this.giveUp(request), HANDSHAKE_TIMEOUT_MS).unref();
    this.held.set(request, { place, timer });
    return undefined;
  }

  private stand(connection: Connection): void {
    Wire.of(connection);
    const held = this.held.get(connection.request);
    if (!held) return;
    clearTimeout(held.timer);
    this.held.delete(connection.request);
    this.places.set(connection, held.place);
    connection.once('close', () => held.place.leave());
  }

  private giveUp(request: IncomingMessage): void {
    const held = this.held.get(request);
    this.held.delete(request);
    clearTimeout(held?.timer);
    held?.place.leave();
  }

  private count({ code }: DomainError): void {
    this.refusals.inc({ transport: 'socketio', code });
  }
}
