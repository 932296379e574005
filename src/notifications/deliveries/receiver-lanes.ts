import { LRUCache } from 'lru-cache';
import { CHANNEL_NAMES, CHANNELS, type Channel } from '../core/channels/catalogue.js';
import { Turnstile, type Turn } from '../core/turnstile.js';
import type { Claimant } from '../core/message-shares.js';
import type { Lane } from '../core/channels/definition.js';

/** Duration of a receiver's last message from which the receiver counts as slow, ms. */
const SLOW_DURATION_MS = 1_000;
const MAX_KNOWN_RECEIVERS = 20_000;
/** Number of deliveries in line from which a user may have only a few. */
const MANY = 50_000;
const FEW = 100;

/** Receiver of deliveries, with its channel and user. */
export interface Receiver extends Turn {
  channel: Channel;
}

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
  private readonly all = [this.quick, this.unknown, this.slow, ...this.own.values()];

  /**
   * Runs the work at its receiver's turn. Returns false without running it if there is no room. A delivery that is already in
   * line is ignored.
   */
  enter(job: Receiver & { id: string }, lane: Lane, work: () => Promise<void>): boolean {
    const { id } = job;
    if (this.ids.has(id)) return true;
    const turnstile = this.lane(job, lane);
    if (this.roomIn(turnstile, job) === 0) return false;
    this.ids.add(id);
    turnstile.enter(job, async () => {
      this.ids.delete(id);
      await work();
    });
    return true;
  }

  /** Returns the room for further deliveries to a receiver; receivers of one user and one speed share a group. */
  room(receiver: Receiver, lane: Lane): Claimant {
    const turnstile = this.lane(receiver, lane);
    return {
      receiver: receiver.receiver,
      group: `${this.all.indexOf(turnstile)} ${receiver.user}`,
      room: this.roomIn(turnstile, receiver),
      groupRoom: turnstile.roomOfUser(receiver.user),
    };
  }

  /** Records how long a receiver took for a message, ms. */
  took(receiver: string, durationMs: number): void {
    this.durations.set(receiver, durationMs);
  }

  /** Waits for deliveries that are being sent; returns the ids of those that had not begun. */
  async close(): Promise<string[]> {
    const left = [...this.ids];
    await Promise.all(this.all.map((lane) => lane.close()));
    return left;
  }

  private roomIn(turnstile: Turnstile, turn: Turn): number {
    const room = turnstile.roomOf(turn);
    return this.ids.size < MANY ? room : Math.min(room, Math.max(0, FEW - turnstile.waitingOf(turn.user)));
  }

  private lane({ channel, receiver }: Receiver, lane: Lane): Turnstile {
    const own = this.own.get(channel);
    if (own !== undefined) return own;
    const last = this.durations.get(receiver);
    if (lane === 'slow' || (last ?? 0) > SLOW_DURATION_MS) return this.slow;
    return last === undefined ? this.unknown : this.quick;
  }
}
