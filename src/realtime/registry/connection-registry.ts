import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Pods } from '../../platform/redis/pods.js';
import { RealtimeHub } from '../core/hub.js';
import { roomsOf } from '../core/rooms.js';
import type { Session } from '../core/session/session.js';
import { RegistryStore, type Entry } from './registry-store.js';

const TICK_INTERVAL_MS = 1_000;
/** Minimum time between two writes of an active connection, ms. */
const ACTIVITY_INTERVAL_MS = 2_000;
/** Interval at which every connection is written again, ms; without that its entry would expire after a minute. */
const REPEAT_INTERVAL_MS = 20_000;
/** Maximum number of rooms shown per connection; a client may name thousands of protocols and chains. */
const MAX_ROOMS = 200;

interface Written extends Entry {
  at: number;
  subscriptions: number;
}

/**
 * Lists the connections of this process in Redis for operators and tools. It compares the open connections with the written
 * ones once a second, so it adds no work to the path of a connection or an event.
 */
@Injectable()
export class ConnectionRegistry implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly logger = new Logger(ConnectionRegistry.name);
  private readonly written = new Map<string, Written>();
  private readonly loop: BackgroundLoop;
  private unwatch: (() => void) | undefined;

  constructor(
    private readonly hub: RealtimeHub,
    private readonly store: RegistryStore,
    private readonly pods: Pods,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'connection_registry',
      intervalMs: TICK_INTERVAL_MS,
      isDelayed: true,
      logLevel: 'debug',
      run: () => this.tick(),
    });
  }

  onApplicationBootstrap(): void {
    this.unwatch = this.pods.onLapse(() => {
      for (const one of this.written.values()) one.at = -Infinity;
    });
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.unwatch?.();
    await this.loop.stop();
    if (!this.store.isUp) return;
    await this.remove([...this.written.values()]).catch((error: unknown) => {
      this.logger.debug({ err: error }, 'connections could not be removed from Redis; their entries will expire');
    });
  }

  onApplicationShutdown(): void {
    void this.loop.stop();
  }

  private async tick(): Promise<void> {
    if (!this.store.isUp) return;
    await this.remove([...this.written.values()].filter(({ id }) => !this.hub.sessions.get(id)));
    const now = performance.now();
    await this.write(this.hub.sessions.all().filter((session) => this.isDue(session, now)));
  }

  private isDue(session: Session, now: number): boolean {
    const written = this.written.get(session.id);
    if (written === undefined || written.subscriptions !== session.size) return true;
    const age = now - written.at;
    return age > REPEAT_INTERVAL_MS || (age > ACTIVITY_INTERVAL_MS && session.lastActivity > this.hub.now() - age);
  }

  private async write(sessions: readonly Session[]): Promise<void> {
    const at = performance.now();
    const records = sessions.map((session) => ({
      ...session.info(),
      pod: this.pods.id,
      rooms: [...roomsOf(session)].slice(0, MAX_ROOMS),
    }));
    await this.leaveRooms(records.map(({ connectionId, rooms }) => ({ id: connectionId, rooms })));
    for (const { connectionId: id, userId, rooms, subscriptions } of records) {
      // Recorded before the write: if Redis performs the write but its reply is lost, the entries are still removed
      // later.
      this.written.set(id, { id, userId, rooms, subscriptions, at });
    }
    try {
      await this.store.write(records);
    } catch (error) {
      for (const { connectionId } of records) this.writeAgain(connectionId);
      throw error;
    }
  }

  private writeAgain(id: string): void {
    const one = this.written.get(id);
    if (one) one.at = -Infinity;
  }

  private async leaveRooms(present: readonly { id: string; rooms: readonly string[] }[]): Promise<void> {
    for (const { id, rooms } of present) {
      const left = this.written.get(id)?.rooms.filter((room) => !rooms.includes(room)) ?? [];
      if (left.length > 0) await this.store.leave(id, left);
    }
  }

  private async remove(ended: readonly Written[]): Promise<void> {
    if (ended.length === 0) return;
    await this.store.remove(ended);
    for (const { id } of ended) this.written.delete(id);
  }
}
