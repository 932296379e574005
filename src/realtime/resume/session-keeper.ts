import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Pods } from '../../platform/redis/pods.js';
import { RealtimeHub } from '../core/hub.js';
import { keptText, type KeptSession } from '../core/session/kept-session.js';
import type { SessionKeeper as Keeper } from '../core/session/session-host.js';
import type { Session } from '../core/session/session.js';
import { SessionStore, type SessionRow } from './session-store.js';

/**
 * Time after the end of its connection within which a session can be continued, ms; `connected` tells clients this time.
 */
export const RESUME_WINDOW_MS = 120_000;
/**
 * Additional time for which a session is stored after `RESUME_WINDOW_MS`, ms: the client's request to continue takes
 * time to arrive.
 */
const RESUME_GRACE_MS = 15_000;
/**
 * Maximum time that an acknowledgement waits for its change to be stored, ms. If the database is unavailable, the change
 * is stored later.
 */
const STORE_TIMEOUT_MS = 250;
const RETRY_INTERVAL_MS = 1_000;
const STORE_INTERVAL_MS = 10_000;
const SWEEP_INTERVAL_MS = 60_000;
/** Maximum number of sessions per statement. */
const BATCH_SIZE = 500;
/** Length of a statement's data from which no further session is added to it, characters. */
const BATCH_LENGTH = 4_000_000;
const TOKEN_BYTES = 18;
const TOKEN = /^[\w-]{24}$/;

/**
 * Stores the sessions of this process. Changes are written in batches, one statement at a time; a failed write is
 * repeated until it succeeds.
 */
@Injectable()
export class SessionKeeper implements Keeper, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(SessionKeeper.name);
  private readonly open = new Map<string, Session>();
  /** Tokens of the sessions that are in the database. */
  private readonly known = new Set<string>();
  private readonly dirty = new Map<string, SessionRow>();
  private readonly loops: readonly BackgroundLoop[];
  private writing: Promise<void> | undefined;
  private queued: Promise<void> | undefined;
  private isFailing = false;
  /** Whether this process is registered in the database: otherwise its sessions cannot be continued after it is killed. */
  private isNoted = false;

  constructor(
    private readonly hub: RealtimeHub,
    private readonly store: SessionStore,
    private readonly pods: Pods,
    loops: BackgroundLoops,
  ) {
    hub.keeper = this;
    this.loops = [
      loops.loop({ name: 'session_owner', intervalMs: STORE_INTERVAL_MS, run: () => this.recordAlive() }),
      loops.loop({
        name: 'session_sweep',
        intervalMs: SWEEP_INTERVAL_MS,
        isDelayed: true,
        run: () => this.store.sweep(),
      }),
      loops.loop({
        name: 'session_retry',
        intervalMs: RETRY_INTERVAL_MS,
        isDelayed: true,
        run: () => this.writeIfFailing(),
      }),
    ];
  }

  onApplicationBootstrap(): void {
    for (const loop of this.loops) loop.start();
  }

  /**
   * Writes the final state of all sessions. It waits one turn of the event loop, after which every connection has ended.
   */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
    await nextTurn();
    await this.write();
  }

  newToken(): string {
    return randomBytes(TOKEN_BYTES).toString('base64url');
  }

  /** Whether a value has the form of a token of this product. */
  isToken(value: unknown): value is string {
    return typeof value === 'string' && TOKEN.test(value);
  }

  /**
   * Returns the connection of this process that uses the token: its client has abandoned that connection and reconnected.
   */
  holderOf(token: string, userId: string): Session | undefined {
    const session = this.open.get(token);
    return session?.identity.caller.userId === userId ? session : undefined;
  }

  /**
   * Makes `owner` the connection that continues the session; returns undefined if the session is not stored or has
   * expired.
   */
  async claim(token: string, userId: string, owner: string): Promise<KeptSession | undefined> {
    if (this.dirty.has(token)) await this.write();
    const text = await this.store.claim(this.pods.id, token, userId, owner);
    if (text === undefined) return undefined;
    this.known.add(token);
    return JSON.parse(text) as KeptSession;
  }

  /** Gives up a claimed session that the connection did not continue. */
  release(token: string, userId: string, owner: string): void {
    this.note({ token, owner, userId, kept: undefined, isOpen: false });
  }

  async changed(session: Session): Promise<void> {
    const { resume, caller } = session.identity;
    if (resume === undefined || session.ended) return;
    const { token } = resume;
    this.open.set(token, session);
    const kept = this.textOf(session);
    if (kept === '' && !this.known.has(token)) return;
    this.note({ token, owner: session.id, userId: caller.userId, kept, isOpen: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = setTimeout(resolve, STORE_TIMEOUT_MS);
    void this.write().then(resolve);
    await promise;
    clearTimeout(patience);
  }

  ended(session: Session): void {
    const { resume, caller } = session.identity;
    if (resume === undefined) return;
    const { token } = resume;
    if (this.open.get(token) !== session) return;
    this.open.delete(token);
    if (!this.known.has(token) && !this.dirty.has(token)) return;
    const pending = this.dirty.get(token);
    const kept = session.hasLeft ? '' : pending && pending.owner === session.id ? pending.kept : undefined;
    this.note({ token, owner: session.id, userId: caller.userId, kept, isOpen: false });
    this.known.delete(token);
  }

  private textOf(session: Session): string {
    const queries = this.hub.queries.held(session).map(({ request }) => request);
    return keptText(session, this.hub.epoch, queries) ?? '';
  }

  private note(row: SessionRow): void {
    this.dirty.set(row.token, row);
    if (row.kept) this.known.add(row.token);
    if (!row.isOpen) void this.write();
  }

  /**
   * Writes the changes recorded so far; resolves when they are written or the write has failed. Calls in the same
   * event-loop turn share one write.
   */
  private write(): Promise<void> {
    return (this.queued ??= this.writeNext());
  }

  private async writeNext(): Promise<void> {
    await this.writing;
    await nextTurn();
    this.queued = undefined;
    this.writing = this.writeAll();
    await this.writing;
  }

  private async writeAll(): Promise<void> {
    while (this.dirty.size > 0) {
      const rows = this.takeBatch();
      try {
        if (!this.isNoted) await this.recordAlive();
        await this.store.write(this.pods.id, rows, RESUME_WINDOW_MS + RESUME_GRACE_MS);
        this.isFailing = false;
      } catch (error) {
        for (const row of rows) if (!this.dirty.has(row.token)) this.dirty.set(row.token, row);
        if (!this.isFailing) this.logger.warn({ err: error }, 'sessions could not be stored; retrying');
        this.isFailing = true;
        return;
      }
    }
  }

  private takeBatch(): SessionRow[] {
    const rows: SessionRow[] = [];
    let size = 0;
    for (const [token, row] of this.dirty) {
      rows.push(row);
      this.dirty.delete(token);
      size += row.kept?.length ?? 0;
      if (rows.length >= BATCH_SIZE || size >= BATCH_LENGTH) break;
    }
    return rows;
  }

  private async writeIfFailing(): Promise<void> {
    if (this.isFailing) await this.write();
  }

  private async recordAlive(): Promise<void> {
    await this.store.recordAlive(this.pods.id);
    this.isNoted = true;
  }
}
