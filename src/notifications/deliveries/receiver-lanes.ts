import { LRUCache } from 'lru-cache';
import { CHANNEL_NAMES, CHANNELS, type Channel } from '../core/channels/catalogue.js';
import { Turnstile, type Turn } from '../core/turnstile.js';
import type { Lane } from '../core/channels/definition.js';

/** Duration of a receiver's last message from which the receiver counts as slow, ms. */
const SLOW_MS = 1_000;
const MAX_KNOWN_RECEIVERS = 20_000;
/** Maximum number of deliveries of one user in line. */
const MAX_OF_USER = 5_000;
/** Number of deliveries in line from which a user may have only a few. */
const MANY = 50_000;
const FEW = 100;

/**
 * Turnstiles for quick, unknown and slow receivers. Receivers of one speed take turns with each other, so that a slow
 * receiver does not delay quick ones.
 */
export class ReceiverLanes {
  private readonly durations = new LRUCache<string, number>({ max: MAX_KNOWN_RECEIVERS });
  private readonly ids = new Set<string>();
  /** Numbers of deliveries in line, by user. */
  private readonly users = new Map<string, number>();
  private readonly quick = new Turnstile({ most: 100, perReceiver: 50, perUser: 75 });
  private readonly unknown = new Turnstile({ most: 48, perReceiver: 4, perUser: 12 });
  private readonly slow = new Turnstile({ most: 16, perReceiver: 2, perUser: 4 });
  /** Turnstiles of channels that have their own. */
  private readonly own = new Map(
    CHANNEL_NAMES.flatMap((channel): [Channel, Turnstile][] => {
      const { turns } = CHANNELS[channel];
      return turns === undefined ? [] : [[channel, new Turnstile(turns)]];
    }),
  );

  /**
   * Runs the work at its receiver's turn. A delivery that is already in line is ignored, and so is one of a user who has too
   * many in line: the sweeper brings it again.
   */
  enter(job: Turn & { id: string; channel: Channel }, lane: Lane, work: () => Promise<void>): void {
    const { id, user } = job;
    const own = this.users.get(user) ?? 0;
    if (this.ids.has(id) || own >= (this.ids.size < MANY ? MAX_OF_USER : FEW)) return;
    this.ids.add(id);
    this.users.set(user, own + 1);
    this.lane(job, lane).enter(job, async () => {
      this.leave(id, user);
      await work();
    });
  }

  /** Records how long a receiver took for a message, ms. */
  took(receiver: string, durationMs: number): void {
    this.durations.set(receiver, durationMs);
  }

  /** Waits for deliveries that are being sent; returns the ids of those that had not begun. */
  async close(): Promise<string[]> {
    const left = [...this.ids];
    await Promise.all([this.quick, this.unknown, this.slow, ...this.own.values()].map((lane) => lane.close()));
    return left;
  }

  private leave(id: string, user: string): void {
    this.ids.delete(id);
    const left = (this.users.get(user) ?? 0) - 1;
    if (left > 0) this.users.set(user, left);
    else this.users.delete(user);
  }

  private lane({ channel, receiver }: { channel: Channel; receiver: string }, lane: Lane): Turnstile {
    const own = this.own.get(channel);
    if (own !== undefined) return own;
    const last = this.durations.get(receiver);
    if (lane === 'slow' || (last ?? 0) > SLOW_MS) return this.slow;
    return last === undefined ? this.unknown : this.quick;
  }
}
