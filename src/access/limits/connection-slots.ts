import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Pods } from '../../platform/redis/pods.js';
import type { Caller } from '../caller.js';
import { Connections, type LateConnections, type SlotHolder } from './connections.js';
import { SharedSlots } from './shared-slots.js';

/** Shortest time between two writes of changed counts to Redis, ms. */
const WRITE_INTERVAL_MS = 50;
/** Interval at which every count is written to Redis again, ms; a count expires there after two minutes. */
const REPEAT_INTERVAL_MS = 30_000;

/**
 * Limit of a key's connections over all processes. Redis decides whether a connection may open, and is updated after one
 * closes. Without Redis, each process allows the whole limit; when Redis is available again, every process writes its
 * counts.
 */
@Injectable()
export class ConnectionSlots<T extends SlotHolder = Caller>
  implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly logger = new Logger(ConnectionSlots.name);
  /** Keys whose count in Redis may differ from the count in this process. */
  private readonly changed = new Set<string>();
  private writing: NodeJS.Timeout | undefined;
  private readonly repeating: BackgroundLoop;
  private readonly ends: (() => void)[] = [];

  constructor(
    private readonly here: Connections<T>,
    private readonly shared: SharedSlots,
    private readonly pods: Pods,
    loops: BackgroundLoops,
  ) {
    this.repeating = loops.loop({
      name: 'connection_counts',
      intervalMs: REPEAT_INTERVAL_MS,
      isDelayed: true,
      run: () => this.writeAll(),
    });
  }

  onModuleInit(): void {
    // Writes the changes made while Redis was unavailable. Writes all counts after Redis was emptied or other processes
    // treated this one as ended.
    this.ends.push(
      this.shared.onUp(() => this.writeSoon()),
      this.pods.onLapse(() => this.writeAll()),
    );
    this.repeating.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.repeating.stop();
    for (const end of this.ends) end();
    await this.write();
  }

  onApplicationShutdown(): void {
    void this.repeating.stop();
    clearTimeout(this.writing);
  }

  /** Opens a connection like `Connections.open`, with the limit applied over all processes. */
  async open(caller: T, connectionId: string, resuming: boolean): Promise<boolean> {
    const { keyId, limits } = caller;
    if (!this.shared.isUp || limits.connections === 0 || this.here.has(keyId, connectionId)) {
      const isOpen = this.here.open(caller, connectionId, resuming);
      this.writeSoon(keyId);
      return isOpen;
    }
    // Counted before the request to Redis, so that two connections that open at the same moment are both counted.
    this.here.enter(caller, connectionId);
    try {
      return await this.openShared(caller, connectionId, resuming);
    } catch (error) {
      this.logger.debug({ err: error }, 'Redis unavailable; the connection is counted in this process only');
      this.here.close(keyId, connectionId);
      this.writeSoon(keyId);
      return this.here.open(caller, connectionId, resuming);
    }
  }

  close(keyId: string, connectionId: string): void {
    this.here.close(keyId, connectionId);
    this.writeSoon(keyId);
  }

  /** Returns the number of a key's open connections in all processes. */
  async count(keyId: string): Promise<number> {
    const others = this.shared.isUp ? await this.shared.others(keyId).catch(() => 0) : 0;
    return this.here.count(keyId) + others;
  }

  /**
   * Returns the connections of this process that must end: their grace period is over and their key is still beyond its
   * limit.
   */
  async overstayed(): Promise<string[]> {
    if (!this.shared.isUp) return this.here.overstayed();
    const ended = await Promise.all(this.here.late().map((late) => this.endedOf(late)));
    return ended.flat();
  }

  private async openShared(caller: T, connectionId: string, resuming: boolean): Promise<boolean> {
    const limit = caller.limits.connections;
    const own = this.here.count(caller.keyId);
    const total = await this.shared.take(caller.keyId, own, resuming ? 2 * limit : limit);
    if (total === undefined) this.close(caller.keyId, connectionId);
    else if (total > limit) this.here.grace(caller.keyId, connectionId);
    return total !== undefined;
  }

  private async endedOf({ keyId, limit, ids }: LateConnections): Promise<string[]> {
    try {
      return ids.slice(0, await this.shared.giveUp(keyId, this.here.count(keyId), limit, ids.length));
    } catch {
      return ids.slice(0, Math.max(this.here.count(keyId) - limit, 0));
    }
  }

  private writeAll(): void {
    for (const keyId of this.here.keyIds()) this.changed.add(keyId);
    this.writeSoon();
  }

  private writeSoon(keyId?: string): void {
    if (keyId !== undefined && this.shared.isConfigured) this.changed.add(keyId);
    if (this.shared.isUp) this.writing ??= setTimeout(() => void this.write(), WRITE_INTERVAL_MS);
  }

  private async write(): Promise<void> {
    clearTimeout(this.writing);
    this.writing = undefined;
    if (this.changed.size === 0 || !this.shared.isUp) return;
    const counts = new Map([...this.changed].map((keyId) => [keyId, this.here.count(keyId)]));
    this.changed.clear();
    await this.shared.write(counts).catch((error: unknown) => {
      for (const keyId of counts.keys()) this.changed.add(keyId);
      this.logger.debug({ err: error }, 'open connections could not be written to Redis; retrying');
    });
  }
}
