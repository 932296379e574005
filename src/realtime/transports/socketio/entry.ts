import { Injectable } from '@nestjs/common';
import type { Socket } from 'socket.io';
import type { Caller, Credentials } from '../../../access/index.js';
import { parseOffset, parseSince, type KeptSession, type ResumeOffset } from '../../core/kept-session.js';
import type { ResumeTicket } from '../../core/session-identity.js';
import { KEPT_MS, SessionKeeper } from '../../resume/session-keeper.js';
import { Admission } from '../admission.js';

/** A client that was let in, and what it comes back to. */
export interface Entry {
  readonly caller: Caller;
  readonly ticket: ResumeTicket;
  readonly kept?: KeptSession;
  readonly offset?: ResumeOffset;
}

/** What the client shows of an earlier connection: socket.io-client by itself, others as `resume` and `since`. */
export interface Return {
  readonly token?: string;
  readonly offset?: ResumeOffset;
}

/** Lets Socket.IO clients in: those who return find what they held. */
@Injectable()
export class SocketIoEntry {
  constructor(
    private readonly admission: Admission,
    private readonly keeper: SessionKeeper,
  ) {}

  /** Caller of the connection, known before anything else of the client is looked at. */
  identify(credentials: Credentials): Promise<Caller> {
    this.admission.refuseWhileDraining();
    return this.admission.recognise(credentials);
  }

  /** Counts the connection until `leave`. */
  async enter(caller: Caller, address: string, socket: Socket): Promise<Entry> {
    const { token, offset } = this.returnOf(socket.handshake.auth);
    if (token !== undefined) this.keeper.holderOf(token, caller.userId)?.supersede();
    const resuming = offset !== undefined || token !== undefined;
    await this.admission.enter(caller, { address, connectionId: socket.id, resuming });
    try {
      const kept = token === undefined ? undefined : await this.keeper.claim(token, caller.userId, socket.id);
      const ticket = {
        token: kept && token !== undefined ? token : this.keeper.newToken(),
        forMs: KEPT_MS,
        ...(offset === undefined ? {} : { offset: offset.text }),
      };
      return { caller, ticket, ...(kept && { kept }), ...(offset && { offset }) };
    } catch (error) {
      this.admission.leave(caller, socket.id);
      throw error;
    }
  }

  leave(caller: Caller, connectionId: string): void {
    this.admission.leave(caller, connectionId);
  }

  /** The client was gone before it came in. */
  abandon({ caller, ticket, kept }: Entry, connectionId: string): void {
    if (kept) this.keeper.release(ticket.token, caller.userId, connectionId);
    this.admission.leave(caller, connectionId);
  }

  private returnOf(auth: Readonly<Record<string, unknown>>): Return {
    const offset = parseSince(auth['since']) ?? parseOffset(auth['offset']);
    // A client that subscribes anew by itself, with its own position, wants nothing brought back.
    if (auth['resume'] === false) return { ...(offset && { offset }) };
    const token = this.keeper.isToken(auth['resume']) ? auth['resume'] : auth['pid'];
    return { ...(this.keeper.isToken(token) && { token }), ...(offset && { offset }) };
  }
}
