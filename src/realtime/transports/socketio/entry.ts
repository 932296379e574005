import { Injectable } from '@nestjs/common';
import type { Socket } from 'socket.io';
import type { Caller, Credentials } from '../../../access/index.js';
import { parseOffset, parseSince, type KeptSession, type ResumeOffset } from '../../core/session/kept-session.js';
import type { ResumeTicket } from '../../core/session/session-identity.js';
import { RESUME_WINDOW_MS, SessionKeeper } from '../../resume/session-keeper.js';
import { ConnectionAdmission } from '../admission/connection-admission.js';

/** Admitted client with the session that it continues. */
export interface Entry {
  readonly caller: Caller;
  readonly ticket: ResumeTicket;
  readonly kept?: KeptSession;
  readonly offset?: ResumeOffset;
}

/** Reference to an earlier connection: socket.io-client sends it by itself, other clients as `resume` and `since`. */
interface Return {
  readonly token?: string;
  readonly offset?: ResumeOffset;
}

/** Admits Socket.IO clients; a reconnecting client continues its earlier session. */
@Injectable()
export class SocketIoEntry {
  constructor(
    private readonly admission: ConnectionAdmission,
    private readonly keeper: SessionKeeper,
  ) {}

  /** Identifies the caller before any other input of the client is read. */
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
        forMs: RESUME_WINDOW_MS,
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

  /** Releases an entry whose client left before its session began. */
  abandon({ caller, ticket, kept }: Entry, connectionId: string): void {
    if (kept) this.keeper.release(ticket.token, caller.userId, connectionId);
    this.admission.leave(caller, connectionId);
  }

  private returnOf(auth: Readonly<Record<string, unknown>>): Return {
    const offset = parseSince(auth['since']) ?? parseOffset(auth['offset']);
    // Clients that resubscribe by themselves, with their own position, set `resume: false`: nothing is restored.
    if (auth['resume'] === false) return { ...(offset && { offset }) };
    const token = this.keeper.isToken(auth['resume']) ? auth['resume'] : auth['pid'];
    return { ...(this.keeper.isToken(token) && { token }), ...(offset && { offset }) };
  }
}
