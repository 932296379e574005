import { setTimeout as sleep } from 'node:timers/promises';
import { formatCursor, isDelivered, parseCursor, type LogEvent, type PublishedValue } from '../../../events/index.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { SlicedWork } from '../../../platform/loop/slices.js';
import type { EncodedEvent } from '../wire/encoded-event.js';
import type { ClientLink, CloseReason } from '../wire/link.js';
import type { LogHost } from './log-host.js';
import { collectSnapshot, snapshotItem, valuesNow, type SnapshotSummary } from './snapshot.js';
import type { Subscriber, Subscription } from './subscription.js';
import type { DeliveryMode, Recovery, ReplayFailure } from './session-calls.js';

/** Session that a catch-up sends to. */
export interface CatchUpClient extends Subscriber {
  readonly link: ClientLink;
  readonly ended: boolean;
  readonly mode: DeliveryMode;
  /** Position up to which the client has seen the log. */
  knownTo: number;
  /** Returns the names of the subscriptions that an event reaches; empty: none. */
  namesFor(event: LogEvent): readonly string[];
  deliver(encoded: EncodedEvent, names: readonly string[]): void;
  noteMessageSent(): void;
  flushInSlices(mode?: DeliveryMode): Promise<number>;
  flushLatest(): number;
  /** Returns to live delivery. */
  goLive(): void;
  close(reason: CloseReason, message?: string): void;
}

/** Work of one catch-up. */
export interface CatchUpWork {
  readonly asked: readonly Subscription[];
  /** Subscriptions in `asked` that did not exist before the call. */
  readonly fresh: readonly Subscription[];
  /** Cursor up to which the client has received all events. */
  readonly since: string | undefined;
  /** Start positions of single subscriptions that lie after `since`. */
  readonly starts?: ReadonlyMap<Subscription, number>;
  readonly snapshotOf: readonly Subscription[];
  /** Removes the subscriptions in `fresh` again; called before the other subscriptions of the session continue. */
  readonly onFailure: () => void;
}

/** Interval at which a replay checks whether a full link has drained, ms. */
const DRAIN_POLL_INTERVAL_MS = 5;
/**
 * Slices of the event loop after which a catch-up is long and leaves time to others. A short one, such as those of thousands of
 * clients that reconnect at once, ends before.
 */
const MAX_SHORT_SLICES = 2;

/**
 * Replays the log to one session, from a past position up to the live position. During the replay the session receives no
 * live events: it reads the log itself, from memory where possible, and goes live in the same turn of the event loop in
 * which it has read everything that the hub has routed. So no event is missed or sent twice, and events are sent in log
 * order.
 */
export class CatchUp {
  /**
   * Position of the hub when the subscriptions in `fresh` were registered: earlier events were sent live to older
   * subscriptions only.
   */
  private readonly registeredAt: number;
  private readonly epoch: string;
  private readonly deadline: number;
  /** Time from which the catch-up waits for no share of the loop any more, so that it ends before its deadline. */
  private readonly hurryAt: number;
  private position: number;
  private sentCount = 0;
  private readonly slices = new SlicedWork();
  private sliceCount = 0;
  /** Cursor of the session until the catch-up has ended. */
  readonly cursor: string;

  constructor(
    private readonly session: CatchUpClient,
    private readonly host: LogHost,
    private readonly work: CatchUpWork,
  ) {
    this.registeredAt = host.position;
    this.position = host.position;
    this.epoch = host.epoch;
    this.deadline = host.elapsed() + host.limits.replayMs;
    this.hurryAt = host.elapsed() + host.limits.replayMs / 2;
    const { since } = work;
    const given = parseCursor(since);
    this.cursor = given?.epoch === host.epoch && since ? since : formatCursor(host.epoch, host.position);
  }

  /** Continues at `position`, the start of a new log: the rest of the old log can no longer be read. */
  startOver(position: number): void {
    this.position = position;
  }

  async run(): Promise<Recovery> {
    this.host.observer.replaying(1);
    return this.bringUp().finally(() => this.host.observer.replaying(-1));
  }

  private async bringUp(): Promise<Recovery> {
    const { since, snapshotOf } = this.work;
    try {
      const result: Recovery = since === undefined ? {} : await this.recover(since);
      if (snapshotOf.length > 0) result.snapshot = await this.sendSnapshot();
      const sentBefore = await this.session.flushInSlices();
      await this.whenLive(() => {
        this.session.goLive();
        if (this.session.mode === 'latest') this.sentCount = sentBefore + this.session.flushLatest();
      });
      if (result.recovered === undefined) return result;
      this.host.observer.replayed(result.recovered ? 'recovered' : (result.reason ?? 'failed'), this.sentCount);
      return { ...result, replayed: this.sentCount };
    } catch (error) {
      this.host.observer.replayed('failed', this.sentCount);
      await this.abandon();
      throw new DomainError('unavailable', 'The event log cannot be read now; subscribe again in a moment.', {
        retryAfterMs: 1_000,
        cause: error,
      });
    }
  }

  /** Sends the events that the subscriptions in `asked` missed before they were registered. */
  private async recover(since: string): Promise<Recovery> {
    const from = await this.startOf(since);
    if (typeof from === 'string') return { recovered: false, reason: from };
    const end = this.registeredAt;
    if (from < end) {
      this.position = from;
      const stopped = await this.read(end, (event) => this.missedNames(event, from), true);
      if (stopped) {
        // A client that asks again on this connection gets the rest, and nothing twice.
        for (const one of this.work.asked) one.noteSent(this.startIn(one, from), this.position);
        if (this.host.epoch === this.epoch) this.position = end;
        return { recovered: false, reason: stopped };
      }
    }
    for (const one of this.work.asked) {
      const start = this.startIn(one, from);
      if (start > end) this.session.knownTo = Math.max(this.session.knownTo, start);
      one.coveredFrom = start > end ? start : Math.min(one.coveredFrom, start);
    }
    return { recovered: true };
  }

  /** Returns the cursor's seq if all events after it can still be read, otherwise the reason why not. */
  private async startOf(since: string): Promise<number | ReplayFailure> {
    const given = parseCursor(since);
    if (given?.epoch !== this.host.epoch) return 'epoch';
    if (given.seq === this.registeredAt) return given.seq;
    if (given.seq < this.registeredAt && this.host.recent.recent(given.seq, 1) !== undefined) return given.seq;
    const { epoch, firstSeq, headSeq } = await this.host.stored.bounds();
    // A cursor ahead of this process may come from a process that has read further; a cursor ahead of the log belongs to
    // another log.
    if (given.epoch !== epoch || given.epoch !== this.host.epoch || given.seq > headSeq) return 'epoch';
    return given.seq >= firstSeq - 1 ? given.seq : 'cursor_expired';
  }

  private startIn(subscription: Subscription, from: number): number {
    return Math.max(from, this.work.starts?.get(subscription) ?? from);
  }

  /**
   * Returns the names for an event that the hub has already routed; empty if an older subscription of this connection
   * sent it then. Labelled subscriptions receive it all the same, unless they themselves have received it.
   */
  private missedNames(event: LogEvent, from: number): readonly string[] {
    const missed = this.work.asked.filter(
      (one) => event.seq > this.startIn(one, from) && this.session.reaches(one, event),
    );
    if (missed.length === 0) return [];
    const isSent = this.session.namesFor(event).length > 0;
    const named = isSent ? missed.filter((one) => one.isLabelled && !one.covers(event.seq)) : missed;
    return named.length === 1 && named[0] ? named[0].names : [...new Set(named.flatMap(({ names }) => names))];
  }

  /**
   * Sends the events that the hub has routed to all subscriptions since the catch-up began. Calls `then` in the turn of
   * the event loop in which none is left.
   */
  private async whenLive(then: () => void): Promise<void> {
    while (!this.session.ended && this.position < this.host.position) {
      const stopped = await this.read(this.host.position, (event) => this.session.namesFor(event), false);
      if (stopped) throw new Error(`The log has no event after ${this.position}`);
    }
    then();
  }

  /** Whether the client has left, or the log of this epoch has been replaced. */
  private isOver(epoch: string): boolean {
    return this.session.ended || this.host.epoch !== epoch;
  }

  /** Reads the log up to `end`, or until a new log begins. Returns the reason if the events are gone or exceed a limit. */
  private async read(
    end: number,
    namesOf: (event: LogEvent) => readonly string[],
    bounded: boolean,
  ): Promise<Recovery['reason']> {
    const { limits, epoch } = this.host;
    while (this.position < end && !this.isOver(epoch)) {
      const batch = await this.next();
      if (this.isOver(epoch)) break;
      if (batch[0]?.seq !== this.position + 1) return 'cursor_expired';
      for (const event of batch) {
        if (this.slices.isSliceOver) await this.nextSlice();
        if (event.seq > end || this.isOver(epoch)) break;
        const names = isDelivered(event) ? namesOf(event) : [];
        if (bounded && names.length > 0 && this.sentCount >= limits.replayEvents) return 'replay_limit';
        this.position = event.seq;
        if (!isDelivered(event) || names.length === 0) continue;
        const encoded = this.host.encode(event);
        if (!encoded) continue;
        this.session.deliver(encoded, names);
        this.sentCount++;
      }
      if (bounded && this.host.elapsed() > this.deadline) return 'replay_limit';
      if (await this.linkHasRoom()) continue;
      if (bounded) return 'replay_limit';
      this.session.close('slow_consumer');
    }
    return bounded && this.isOver(epoch) ? 'epoch' : undefined;
  }

  private nextSlice(): Promise<void> {
    this.sliceCount += 1;
    const isLong = this.sliceCount > MAX_SHORT_SLICES && this.host.elapsed() < this.hurryAt;
    return this.slices.nextSlice(isLong ? 'catchUps' : 'work');
  }

  private async next(): Promise<readonly LogEvent[]> {
    const { recent, stored, limits } = this.host;
    const inMemory = recent.recent(this.position, limits.replayChunk);
    if (inMemory !== undefined) return inMemory;
    return stored.read(this.position, limits.replayChunk);
  }

  /** Waits until the link has room. Returns false if the client does not read enough within the time limit. */
  private async linkHasRoom(): Promise<boolean> {
    const until = Math.max(this.deadline, this.host.elapsed() + this.host.limits.slowGraceMs);
    while (!this.session.ended && this.session.link.bufferedBytes() > this.host.limits.softMarkBytes) {
      if (this.host.elapsed() > until) return false;
      await sleep(DRAIN_POLL_INTERVAL_MS);
    }
    return true;
  }

  /**
   * Sends the published values of one position of the log, which are copied in one turn of the event loop. Changes during
   * the sending follow as events.
   */
  private async sendSnapshot(): Promise<SnapshotSummary> {
    const { host } = this;
    const { snapshotOf } = this.work;
    const summary: SnapshotSummary = { items: 0, parts: 0, cursor: this.cursor };
    let values = host.published;
    await this.whenLive(() => {
      summary.cursor = formatCursor(host.epoch, host.position);
      const filters = snapshotOf.map(({ filter }) => filter);
      values = valuesNow(host.published, filters);
    });
    for (const { id, filter } of snapshotOf) {
      if (this.isOver(this.epoch)) break;
      const selected = await collectSnapshot(values, filter);
      await this.sendParts(id, selected, summary);
      summary.items += selected.length;
    }
    return summary;
  }

  /** Sends each part in a separate turn of the event loop, once the link has room for it. */
  private async sendParts(id: string, values: readonly PublishedValue[], summary: SnapshotSummary): Promise<void> {
    const { snapshotPart } = this.host.limits;
    const parts = Math.max(1, Math.ceil(values.length / snapshotPart));
    for (let part = 1; part <= parts && !this.isOver(this.epoch); part++) {
      if (summary.parts++ > 0 && !(await this.linkHasRoom())) return this.session.close('slow_consumer');
      await this.nextSlice();
      const items = values.slice((part - 1) * snapshotPart, part * snapshotPart).map(snapshotItem);
      this.session.link.sendMessage('snapshot', { subscriptionId: id, items, cursor: summary.cursor, part, parts });
      this.session.noteMessageSent();
    }
  }

  /**
   * Ends a catch-up that cannot read the log. Older subscriptions must not lose the events held back meanwhile: the
   * connection catches up with the live position, or it is closed.
   */
  private async abandon(): Promise<void> {
    if (this.host.epoch === this.epoch) this.position = Math.max(this.position, this.registeredAt);
    this.work.onFailure();
    try {
      await this.whenLive(() => this.session.goLive());
    } catch {
      this.session.close('server_draining', 'The event log cannot be read now; connect again with your cursor.');
    }
  }
}
