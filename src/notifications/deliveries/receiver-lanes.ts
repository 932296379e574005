import { LRUCache } from 'lru-cache';
import { CHANNEL_NAMES, CHANNELS, type Channel } from '../core/channels/catalogue.js';
import { Turnstile, type Turn } from '../core/turnstile.js';
import type { Lane } from '../core/channels/definition.js';

/** Duration of a receiver's last message from which the receiver counts as slow, ms. */
const SLOW_MS = 1_000;
const MAX_KNOWN_RECEIVERS = 20_000;

/**
 * Turnstiles for quick, unknown and slow receivers. Receivers of one speed take turns with each other, so that a slow
 * receiver does not delay quick ones.
 */
export class ReceiverLanes {
  private readonly durations = new LRUCache<string, number>({ max: MAX_KNOWN_RECEIVERS });
  private readonly ids = new Set<string>();
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

  /** Number of deliveries that have not begun. */
  get waiting(): number {
    return this.ids.size;
  }

  /** Runs the work at its receiver's turn; a delivery that is already waiting is ignored. */
  enter(job: Turn & { id: string; channel: Channel }, lane: Lane, work: () => Promise<void>): void {
    if (this.ids.has(job.id)) return;
    this.ids.add(job.id);
    this.lane(job, lane).enter(job, async () => {
      this.ids.delete(job.id);
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

  private lane({ channel, receiver }: { channel: Channel; receiver: string }, lane: Lane): Turnstile {
    const own = this.own.get(channel);
    if (own !== undefined) return own;
    const last = this.durations.get(receiver);
    if (lane === 'slow' || (last ?? 0) > SLOW_MS) return this.slow;
    return last === undefined ? this.unknown : this.quick;
  }
}
