import { Logger } from '@nestjs/common';
import type { UsageLimits } from '../../../access/index.js';
import { asDomainError, DomainError } from '../../../platform/errors/domain-error.js';
import type { LoopGuard } from '../../../platform/loop/loop-guard.js';
import type { Session } from '../../core/session/session.js';
import { waitUntilRead } from '../../core/session/wait-until-read.js';
import { Budget } from '../admission/budget.js';
import { commandOf, type ClientCommand } from './client-commands.js';
import type { SocketIoLink } from './socketio-link.js';

/** Number of refused messages per minute above which a client is disconnected. */
const MAX_REFUSED_PER_MINUTE = 1_000;
const MINUTE_MS = 60_000;
/** Maximum number of messages that wait for their limit check. */
const MAX_WAITING_MESSAGES = 2_000;

type Callback = (answer: unknown) => void;

/**
 * Answers the messages of one client: through the client's callback, or by an event if the client gave none. Messages
 * begin in order of arrival; a message that waits for a replay does not delay the messages after it.
 */
export class SocketConnection {
  private static readonly logger = new Logger('SocketIo');
  private readonly refused = new Budget(MAX_REFUSED_PER_MINUTE, MINUTE_MS);
  private turn: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly link: SocketIoLink,
    private readonly session: Session,
    private readonly limits: UsageLimits,
    private readonly loop: LoopGuard,
  ) {}

  /** Receives any event of the client, known or not. */
  readonly receive = (name: unknown, ...args: unknown[]): void => {
    if (this.session.ended) return;
    if (this.waiting >= MAX_WAITING_MESSAGES) return this.session.close('limit_exceeded');
    this.waiting++;
    this.turn = this.turn.then(() => this.begin(name, args));
  };

  private async begin(name: unknown, args: unknown[]): Promise<void> {
    await waitUntilRead(this.session);
    this.waiting--;
    if (this.session.ended) return;
    this.session.touch();
    const last = args.at(-1);
    const callback = typeof last === 'function' ? (args.pop() as Callback) : undefined;
    try {
      const command = await this.admit(name);
      if (args.length > 1)
        throw new DomainError('invalid_request', 'An event must have at most one argument and a callback.');
      void this.run(command, args[0], callback);
    } catch (error) {
      this.refuse(asDomainError(error), callback);
    }
  }

  private async admit(name: unknown): Promise<ClientCommand> {
    const { caller } = this.session.identity;
    if (!(await this.limits.message(caller))) {
      throw new DomainError(
        'rate_limited',
        `More than ${caller.limits.messages} messages in a minute; wait before sending more.`,
      );
    }
    const command = commandOf(name);
    if (command.changes && !(await this.limits.subscriptionChange(caller, this.session.id))) {
      const allowed = caller.limits.subscriptionChanges;
      throw new DomainError('rate_limited', `More than ${allowed} subscription changes in a minute; send an array.`);
    }
    return command;
  }

  private async run(command: ClientCommand, argument: unknown, callback: Callback | undefined): Promise<void> {
    try {
      const cause = `socket.io ${command.answeredBy}`;
      const answer = await this.loop.run(cause, () => command.run(this.session, argument, Date.now()));
      if (callback) this.link.acknowledge(callback, { ok: true, ...answer });
      else this.link.sendMessage(command.answeredBy, answer);
      this.session.confirmReplays();
      this.session.noteMessageSent();
    } catch (error) {
      this.refuse(asDomainError(error), callback);
    }
  }

  private refuse(error: DomainError, callback: Callback | undefined): void {
    if (this.session.ended) return;
    if (error.code === 'internal_error') {
      SocketConnection.logger.error(
        { err: error.cause, connectionId: this.session.id },
        'message of a client could not be handled; the client gets an error',
      );
    }
    if (callback) this.link.acknowledge(callback, { ok: false, error: error.toSocket() });
    else this.link.sendMessage('error', { ...error.toSocket() });
    this.session.noteMessageSent();
    if (error.code === 'rate_limited' && this.refused.isExceededBy(performance.now()))
      this.session.close('limit_exceeded');
  }
}
