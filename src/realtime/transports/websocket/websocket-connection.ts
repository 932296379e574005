import { Logger } from '@nestjs/common';
import type { WebSocket } from 'ws';
import type { Caller } from '../../../access/index.js';
import { asDomainError, DomainError } from '../../../platform/errors/domain-error.js';
import type { CloseReason } from '../../core/link.js';
import { messageId, parseMessage, type ClientMessage, type MessageId } from '../../core/parse-websocket.js';
import type { Session } from '../../core/session.js';
import { untilRead } from '../../core/unread.js';
import { Budget } from './budget.js';
import { runCommand } from './commands.js';
import type { ConnectionParts } from './connection-parts.js';
import type { WebSocketLink } from './websocket-link.js';

/** A connection that has not shown a key by then is closed. */
const AUTHENTICATION_MS = 10_000;
/** After this silence the peer is asked for a sign of life, and after as much again given up. */
const SILENCE_MS = 30_000;
const MINUTE_MS = 60_000;
const MALFORMED_PER_MINUTE = 20;
const REFUSED_PER_MINUTE = 100;
/** Messages that may wait for the one being answered. From the first mark on the socket is not read. */
const PAUSE_AT = 32;
const WAITING_LIMIT = 1_024;

export interface ConnectionOrigin {
  readonly id: string;
  readonly address: string;
  readonly userAgent?: string;
}

/** One client of the plain WebSocket API: its messages are answered one after the other, in the order they came. */
export class WebSocketConnection {
  private static readonly logger = new Logger('PlainWebSocket');
  private readonly openedAt: number;
  private readonly malformed = new Budget(MALFORMED_PER_MINUTE, MINUTE_MS);
  private readonly refused = new Budget(REFUSED_PER_MINUTE, MINUTE_MS);
  private readonly waiting: Buffer[] = [];
  private working = false;
  private gone = false;
  private heardAt: number;
  private askedForLife = false;
  private caller: Caller | undefined;
  private session: Session | undefined;

  constructor(
    private readonly socket: WebSocket,
    private readonly link: WebSocketLink,
    private readonly origin: ConnectionOrigin,
    private readonly parts: ConnectionParts,
  ) {
    this.openedAt = parts.clock.now();
    this.heardAt = this.openedAt;
  }

  /** Whether it is one of the hub's sessions. */
  get isKnown(): boolean {
    return this.session !== undefined;
  }

  /** Lets the client in with the key of its address or headers, before its first message is looked at. */
  async enter(secret: string, resuming: boolean): Promise<void> {
    this.working = true;
    await this.authenticate(secret, resuming);
    await this.work();
  }

  receive(data: Buffer, isBinary: boolean): void {
    this.heard();
    if (isBinary) return this.close('malformed', 'Binary frames are not understood; send JSON as text.');
    if (this.waiting.length >= WAITING_LIMIT) return this.close('limit_exceeded', 'Too many messages at once.');
    this.waiting.push(data);
    if (this.waiting.length === PAUSE_AT) this.socket.pause();
    if (!this.working) void this.work();
  }

  /** Anything came from the peer. */
  heard(): void {
    this.heardAt = this.parts.clock.now();
    this.askedForLife = false;
  }

  /** Called every second for every connection, from one timer. */
  lookAfter(now: number): void {
    if (!this.link.isOpen) return;
    if (!this.session && now - this.openedAt > AUTHENTICATION_MS) {
      void this.parts.admission.anonymous(this.origin.address);
      this.close('unauthenticated');
    }
    const silence = now - this.heardAt;
    if (silence <= SILENCE_MS || this.socket.isPaused) return;
    if (silence > 2 * SILENCE_MS) this.socket.terminate();
    else if (!this.askedForLife) this.socket.ping();
    this.askedForLife = true;
  }

  /** The socket has ended, whoever ended it. */
  end(): void {
    this.gone = true;
    this.waiting.length = 0;
    this.session?.end();
    if (this.caller) this.parts.admission.leave(this.caller, this.origin.id);
    this.caller = undefined;
  }

  close(reason: CloseReason, message?: string): void {
    this.waiting.length = 0;
    if (this.session) this.session.close(reason, message);
    this.link.close(reason, '', message);
  }

  private async work(): Promise<void> {
    this.working = true;
    for (let data = this.waiting.shift(); data && this.link.isOpen; data = this.waiting.shift()) {
      await this.answer(data);
      if (this.session) await this.afterAnswer(this.session);
    }
    this.working = false;
    if (this.socket.isPaused) this.socket.resume();
  }

  /** Answers make a slow reader as events do, and who reads none of them gets no further ones. */
  private afterAnswer(session: Session): Promise<void> {
    session.sent();
    return untilRead(session);
  }

  private async answer(data: Buffer): Promise<void> {
    let id: MessageId | undefined;
    try {
      this.session?.touch();
      if (this.caller && !(await this.parts.limits.message(this.caller))) {
        return this.refuse(new DomainError('rate_limited', 'Too many messages; the limit is per minute.'), undefined);
      }
      const value: unknown = parseJson(data);
      id = messageId(value);
      await this.obey(parseMessage(value));
    } catch (error) {
      this.refuse(asDomainError(error), id);
    }
  }

  private async obey(message: ClientMessage): Promise<void> {
    if (message.type === 'authenticate') return this.authenticateAgain(message);
    if (!this.session || !this.caller) {
      throw new DomainError('missing_api_key', 'Send {"type": "authenticate", "apiKey": "…"} first.');
    }
    const changes = message.type !== 'ping' && message.type !== 'subscriptions' && message.type !== 'stats';
    if (changes && !(await this.parts.limits.subscriptionChange(this.caller, this.origin.id))) {
      throw new DomainError('rate_limited', 'Too many subscription changes; the limit is per minute and connection.');
    }
    await runCommand(message, this.session, this.link, this.parts.clock.now());
  }

  private async authenticateAgain(message: ClientMessage & { type: 'authenticate' }): Promise<void> {
    if (this.session) await this.confirmSameKey(message.apiKey);
    else await this.authenticate(message.apiKey, message.since !== undefined, message.id);
    if (!this.session || !this.caller) return;
    const { tier, role } = this.caller;
    this.link.answer('authenticated', message.id, { tier, role, cursor: this.session.cursor });
  }

  private async confirmSameKey(secret: string): Promise<void> {
    const { address } = this.origin;
    const caller = await this.parts.admission.identify({ secret, transport: 'websocket', address });
    if (caller.keyId === this.caller?.keyId) return;
    throw new DomainError('conflict', 'This connection belongs to another key; open a new one.', { field: 'apiKey' });
  }

  private async authenticate(secret: string, resuming: boolean, message?: MessageId): Promise<void> {
    const { id, address, userAgent } = this.origin;
    const { admission, hub, settings } = this.parts;
    try {
      const caller = await admission.admit({ secret, transport: 'websocket', address }, id, resuming);
      if (this.gone || !this.link.isOpen) return admission.leave(caller, id);
      this.caller = caller;
      this.session = hub.open(this.link, { caller, connectionId: id, address, userAgent, region: settings.region });
    } catch (error) {
      this.turnAway(asDomainError(error), message);
    }
  }

  private turnAway(error: DomainError, message?: MessageId): void {
    this.waiting.length = 0;
    this.report(error);
    this.link.fail(error, message);
  }

  private refuse(error: DomainError, id: MessageId | undefined): void {
    this.report(error);
    this.link.answer('error', id, { error: error.toSocket() });
    const now = this.parts.clock.now();
    if (error.code === 'invalid_request' && this.malformed.isExceededBy(now)) this.close('malformed');
    else if (error.code !== 'invalid_request' && this.refused.isExceededBy(now)) this.close('limit_exceeded');
  }

  private report(error: DomainError): void {
    if (error.code !== 'internal_error') return;
    WebSocketConnection.logger.error(
      { err: error.cause, connectionId: this.origin.id },
      'A message could not be answered',
    );
  }
}

function parseJson(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    throw new DomainError('invalid_request', 'A message is one JSON object.');
  }
}
