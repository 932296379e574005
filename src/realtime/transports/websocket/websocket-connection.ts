import { Logger } from '@nestjs/common';
import type { WebSocket } from 'ws';
import type { Caller } from '../../../access/index.js';
import { asDomainError, DomainError } from '../../../platform/errors/domain-error.js';
import type { CloseReason } from '../../core/wire/link.js';
import { messageId, parseMessage, type ClientMessage, type MessageId } from '../../core/request/parse-websocket.js';
import { expiresInMs } from '../../core/session/session-identity.js';
import type { Session } from '../../core/session/session.js';
import { waitUntilRead } from '../../core/session/wait-until-read.js';
import { Budget } from '../admission/budget.js';
import { runCommand } from './commands.js';
import type { ConnectionParts } from './connection-parts.js';
import type { WebSocketLink } from './websocket-link.js';

/** Number of checks, one a second, after which a connection that has not presented a key is closed. */
const AUTHENTICATION_CHECKS = 10;
/**
 * Number of checks without input after which the peer is sent a ping; after as many again it is disconnected. Checks are
 * counted instead of time: after a pause of this process, or a jump of the clock, every peer is sent a ping before any is
 * disconnected.
 */
const SILENT_CHECKS = 30;
const MINUTE_MS = 60_000;
const MAX_MALFORMED_PER_MINUTE = 20;
const MAX_REFUSED_PER_MINUTE = 100;
/** Messages, and their bytes, that may wait for the one being answered. From the first mark on the socket is not read. */
const PAUSE_AT_MESSAGES = 32;
const PAUSE_AT_BYTES = 64 * 1024;
const MAX_WAITING_MESSAGES = 1_024;
const BYTE_ORDER_MARK = '\uFEFF';

export interface ConnectionOrigin {
  readonly id: string;
  readonly address: string;
  readonly userAgent?: string;
  /** Removes the connection from the count of callers without a key. */
  readonly becomesKnown: () => void;
}

/** Client of the plain WebSocket API: its messages are answered one after the other, in order of arrival. */
export class WebSocketConnection {
  private static readonly logger = new Logger('PlainWebSocket');
  private readonly malformed = new Budget(MAX_MALFORMED_PER_MINUTE, MINUTE_MS);
  private readonly refused = new Budget(MAX_REFUSED_PER_MINUTE, MINUTE_MS);
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private working = false;
  private gone = false;
  /** Number of checks while no key was presented, and number of checks since the last input of the peer. */
  private unknownChecks = 0;
  private silentChecks = 0;
  private caller: Caller | undefined;
  private session: Session | undefined;

  constructor(
    private readonly socket: WebSocket,
    private readonly link: WebSocketLink,
    private readonly origin: ConnectionOrigin,
    private readonly parts: ConnectionParts,
  ) {}

  /** Whether the client has been admitted and has a session. */
  get isKnown(): boolean {
    return this.session !== undefined;
  }

  /** Admits a client that presented its key with the upgrade request, before its first message is read. */
  async enter(caller: Caller, resuming: boolean): Promise<void> {
    this.working = true;
    await this.begin(caller, resuming);
    await this.work();
  }

  receive(data: Buffer, isBinary: boolean): void {
    this.recordInput();
    if (isBinary) return this.close('malformed', 'Binary frames are not supported; send JSON as text.');
    if (this.waiting.length >= MAX_WAITING_MESSAGES) return this.close('limit_exceeded', 'Too many messages at once.');
    this.waiting.push(data);
    this.waitingBytes += data.length;
    if (this.waiting.length >= PAUSE_AT_MESSAGES || this.waitingBytes >= PAUSE_AT_BYTES) this.socket.pause();
    if (!this.working) void this.work();
  }

  /** Records input of the peer. */
  recordInput(): void {
    this.silentChecks = 0;
  }

  /** Reports the frames that `ws` refused with this error code; `ws` then closes the connection. */
  unreadable(code: string | undefined): void {
    const cursor = this.session?.cursor;
    const error = unreadable(code).toSocket();
    this.link.answer('error', undefined, { error, ...(cursor === undefined ? {} : { cursor }) });
  }

  /** Checks the connection; called every second for every connection, from one timer. */
  check(): void {
    if (!this.link.isOpen) return;
    if (!this.session && ++this.unknownChecks > AUTHENTICATION_CHECKS) return this.close('unauthenticated');
    if (this.socket.isPaused) return;
    this.silentChecks++;
    if (this.silentChecks === SILENT_CHECKS) this.socket.ping();
    else if (this.silentChecks > 2 * SILENT_CHECKS) this.socket.terminate();
  }

  /** Releases the connection after either side has ended the socket. */
  end(): void {
    this.gone = true;
    this.forgetWaiting();
    this.session?.end();
    if (this.caller) this.parts.admission.leave(this.caller, this.origin.id);
    this.caller = undefined;
  }

  close(reason: CloseReason, message?: string): void {
    this.forgetWaiting();
    if (this.session) this.session.close(reason, message);
    this.link.close(reason, '', message);
  }

  /** Ends a connection that was not admitted; `message` is the id of the client's message that requested admission. */
  refuseAdmission(error: DomainError, message?: MessageId): void {
    this.forgetWaiting();
    this.report(error);
    this.link.fail(error, message);
  }

  private forgetWaiting(): void {
    this.waiting.length = 0;
    this.waitingBytes = 0;
  }

  private async work(): Promise<void> {
    this.working = true;
    for (let data = this.waiting.shift(); data && this.link.isOpen; data = this.waiting.shift()) {
      this.waitingBytes -= data.length;
      await this.answer(data);
      if (this.session) await this.afterAnswer(this.session);
    }
    this.working = false;
    if (this.socket.isPaused) this.socket.resume();
  }

  /**
   * Waits for a slow reader: answers are unsent data like events, and a client that does not read them receives no
   * further ones.
   */
  private afterAnswer(session: Session): Promise<void> {
    session.noteMessageSent();
    return waitUntilRead(session);
  }

  private async answer(data: Buffer): Promise<void> {
    let id: MessageId | undefined;
    try {
      this.session?.touch();
      const caller = this.session?.identity.caller;
      if (caller && !(await this.parts.limits.message(caller))) {
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
      throw new DomainError('missing_api_key', 'The first message must be {"type": "authenticate", "apiKey": "…"}.');
    }
    const changes = message.type !== 'ping' && message.type !== 'subscriptions' && message.type !== 'stats';
    if (changes && !(await this.parts.limits.subscriptionChange(this.session.identity.caller, this.origin.id))) {
      throw new DomainError('rate_limited', 'Too many subscription changes; the limit is per minute and connection.');
    }
    const { session, link, parts } = this;
    await parts.loop.run(`websocket ${message.type}`, () => runCommand(message, session, link, parts.clock.now()));
  }

  private async authenticateAgain(message: ClientMessage & { type: 'authenticate' }): Promise<void> {
    if (this.session && this.caller) await this.renew(this.session, this.caller, message.apiKey);
    else await this.authenticate(message);
    if (!this.session || !this.caller) return;
    const { tier, role } = this.caller;
    const { cursor } = this.session;
    const ends = { expiresInMs: expiresInMs(this.caller, this.parts.clock.now()) };
    this.link.answer('authenticated', message.id, { tier, role, cursor, ...ends });
  }

  /** Renews the key or token of the same client: a new token extends the expiry and sets the client's current rights. */
  private async renew(session: Session, { keyId }: Caller, secret: string): Promise<void> {
    const { address } = this.origin;
    const caller = await this.parts.admission.identify({ secret, transport: 'websocket', address });
    if (caller.keyId !== keyId) {
      throw new DomainError('conflict', 'This connection belongs to another key; open a new one.', { field: 'apiKey' });
    }
    if (session.ended) return;
    this.caller = caller;
    session.changeCaller(caller);
  }

  private async authenticate({ id, apiKey, since }: ClientMessage & { type: 'authenticate' }): Promise<void> {
    const { address } = this.origin;
    try {
      const caller = await this.parts.admission.recognise({ secret: apiKey, transport: 'websocket', address });
      await this.begin(caller, since !== undefined, id);
    } catch (error) {
      this.refuseAdmission(asDomainError(error), id);
    }
  }

  private async begin(caller: Caller, resuming: boolean, message?: MessageId): Promise<void> {
    const { id, address, userAgent } = this.origin;
    const { admission, hub, settings } = this.parts;
    this.origin.becomesKnown();
    try {
      await admission.enter(caller, { address, connectionId: id, resuming });
      if (this.gone || !this.link.isOpen) return admission.leave(caller, id);
      this.caller = caller;
      this.session = hub.open(this.link, { caller, connectionId: id, address, userAgent, region: settings.region });
    } catch (error) {
      this.refuseAdmission(asDomainError(error), message);
    }
  }

  private refuse(error: DomainError, id: MessageId | undefined): void {
    this.report(error);
    this.link.answer('error', id, { error: error.toSocket() });
    if (!this.session) void this.countStranger();
    const now = this.parts.clock.elapsed();
    if (error.code === 'invalid_request' && this.malformed.isExceededBy(now)) this.close('malformed');
    else if (error.code !== 'invalid_request' && this.refused.isExceededBy(now)) this.close('limit_exceeded');
  }

  /**
   * Counts a refused message against the address. A client without a session that exceeds the limit of its address is
   * disconnected.
   */
  private async countStranger(): Promise<void> {
    if (await this.parts.strangers.message(this.origin.address)) return;
    if (!this.session) this.close('limit_exceeded', 'Too many messages without a key from this address.');
  }

  private report(error: DomainError): void {
    if (error.code !== 'internal_error') return;
    WebSocketConnection.logger.error(
      { err: error.cause, connectionId: this.origin.id },
      'message of a client could not be handled; the client gets an error',
    );
  }
}

/** Parses JSON and ignores a byte order mark, which some editors and libraries prepend. */
function parseJson(data: Buffer): unknown {
  const text = data.toString('utf8');
  try {
    return JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text);
  } catch {
    throw new DomainError('invalid_request', 'A message must be one JSON object.');
  }
}

function unreadable(code: string | undefined): DomainError {
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return new DomainError('payload_too_large', 'A message must have at most 64 KiB.');
  }
  const reasons: Readonly<Record<string, string>> = {
    WS_ERR_TOO_MANY_BUFFERED_PARTS: 'A message had too many fragments; send it in fewer frames.',
    WS_ERR_INVALID_UTF8: 'Text must be UTF-8.',
  };
  const reason = code === undefined ? undefined : reasons[code];
  return new DomainError('invalid_request', reason ?? 'The frames are not those of a WebSocket client (RFC 6455).');
}
