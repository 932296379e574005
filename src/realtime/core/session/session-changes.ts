import { asDomainError } from '../../../platform/errors/domain-error.js';
import { parseCursor } from '../../../events/index.js';
import { CatchUp, type CatchUpClient, type CatchUpWork } from './catch-up.js';
import { sinceOf, startOf, type KeptReplay, type KeptSession, type ResumeOffset } from './kept-session.js';
import { OrderedChanges } from './ordered-changes.js';
import type { SubscribeAnswer, SubscribeOptions, UnsubscribeAnswer, Recovery } from './session-calls.js';
import type { LiveQueries, QueryClient } from './live-queries.js';
import type { LogHost } from './log-host.js';
import type { SubscriptionBook } from './subscription-book.js';
import type { Subscription } from './subscription.js';
import type { SubscriptionRequest, SubscriptionSelector } from '../filter/subscription-request.js';

/** Session whose subscriptions change. */
interface ChangedSession extends CatchUpClient, QueryClient {
  readonly book: SubscriptionBook;
  /** Sends the events waiting in `latest` mode before the answer to a change, if the client reads. */
  flushBeforeReply(): void;
  setMode(options: Pick<SubscribeOptions, 'mode' | 'intervalMs'>): void;
  /** Runs a catch-up; until its end the session receives no live events. */
  follow(catchUp: CatchUp): Promise<Recovery>;
}

/** Services of the hub for changes of a session's subscriptions. */
interface ChangesHost<S> extends LogHost {
  readonly queries: LiveQueries;
  /** Store of sessions for reconnecting clients; undefined if there is none. */
  readonly keeper: { changed(session: S): Promise<void> } | undefined;
}

interface NotedReplay {
  answered(): void;
  /** Restores the state from before the replay, if the replay failed. */
  undo(): void;
}

/**
 * Changes of one session's subscriptions, in the order of their requests. Each change is stored before it is
 * acknowledged, so that it survives a reconnect.
 */
export class SessionChanges<S extends ChangedSession> {
  /** Number of replays so far, including those of the sessions that this session continues. */
  replays = 0;
  /** Whether a replay was answered after the last confirmation that the client has received all replays. */
  isUnconfirmed = false;
  /** Positions (`since`) of the changes that wait for their turn. */
  private readonly waiting = new Set<{ readonly seq: number }>();
  private readonly order: OrderedChanges;

  constructor(
    private readonly session: S,
    private readonly host: ChangesHost<S>,
  ) {
    this.order = new OrderedChanges(() => session.ended);
  }

  subscribe(requests: readonly SubscriptionRequest[], options: SubscribeOptions): Promise<SubscribeAnswer> {
    const since = parseCursor(options.since);
    const mustWait = since?.epoch === this.host.epoch && this.order.isBusy;
    if (!mustWait || this.session.book.isReturning(requests)) return this.inOrder(() => this.add(requests, options));
    this.waiting.add(since);
    void this.host.keeper?.changed(this.session);
    return this.inOrder(() => {
      this.waiting.delete(since);
      return this.add(requests, options);
    }).finally(() => this.waiting.delete(since));
  }

  /** Earliest position of a waiting change. */
  get floor(): number | undefined {
    return this.waiting.size === 0 ? undefined : Math.min(...[...this.waiting].map(({ seq }) => seq));
  }

  unsubscribe(selector: SubscriptionSelector): Promise<UnsubscribeAnswer> {
    return this.inOrder(async () => {
      const { session, host } = this;
      await session.flushInSlices();
      const removed = session.book.remove(selector).map((subscription) => subscription.describe());
      if (removed.length > 0) session.flushBeforeReply();
      const queries = host.queries.remove(session, selector);
      await host.keeper?.changed(session);
      return { removed: [...removed, ...queries], cursor: session.cursor };
    });
  }

  updateFilters(
    selector: SubscriptionSelector,
    filter: SubscriptionRequest['filter'] | undefined,
    options: Pick<SubscribeOptions, 'mode' | 'intervalMs'>,
  ): Promise<SubscribeAnswer> {
    return this.inOrder(async () => {
      const { session } = this;
      await session.flushInSlices(options.mode);
      const updated = filter ? session.book.update(selector, filter) : session.book.find(selector);
      if (filter) session.flushBeforeReply();
      session.setMode(options);
      await this.host.keeper?.changed(session);
      return { subscriptions: updated.map((subscription) => subscription.describe()), cursor: session.cursor };
    });
  }

  /** Continues a kept session. Subscriptions that the caller may no longer have are dropped, with an `error` each. */
  resume(kept: KeptSession, offset: ResumeOffset | undefined): Promise<SubscribeAnswer> {
    return this.inOrder(async () => {
      const { session, host } = this;
      this.replays = kept.replays;
      session.setMode(kept);
      const starts = new Map<Subscription, number>();
      for (const one of kept.subscriptions) {
        const subscription = this.orError(() => session.book.restore(one), one.id);
        if (subscription) starts.set(subscription, startOf(one, kept, offset));
      }
      const queries = kept.queries.flatMap(
        (request) => this.orError(() => host.queries.open(session, [request]).fresh) ?? [],
      );
      const asked = [...starts.keys()];
      const since = asked.length === 0 ? undefined : sinceOf(kept, offset, starts.values());
      const recovery = await this.replay({ asked, fresh: asked, since, starts, snapshotOf: [], onFailure: () => {} });
      host.queries.start(session, queries);
      const subscriptions = [...asked.map((one) => one.describe()), ...queries.map(({ info }) => info)];
      return { subscriptions, cursor: session.cursor, ...recovery };
    });
  }

  /**
   * Adds subscriptions. Live queries are opened first, because they may be refused, and started last, so that no query
   * result is sent before the replayed events.
   */
  private async add(requests: readonly SubscriptionRequest[], options: SubscribeOptions): Promise<SubscribeAnswer> {
    const { session, host } = this;
    const isQuery = ({ type }: SubscriptionRequest) => type === 'query';
    const events = requests.filter((request) => !isQuery(request));
    const { all, fresh } = host.queries.open(session, requests.filter(isQuery));
    try {
      const answer = await this.addEvents(events, options);
      host.queries.start(session, fresh);
      return { ...answer, subscriptions: [...answer.subscriptions, ...all.map(({ info }) => info)] };
    } catch (error) {
      host.queries.close(session, fresh);
      throw error;
    }
  }

  private async addEvents(
    requests: readonly SubscriptionRequest[],
    options: SubscribeOptions,
  ): Promise<SubscribeAnswer> {
    const { session } = this;
    await session.flushInSlices(options.mode);
    const { all, fresh } = session.book.add(requests);
    session.flushBeforeReply();
    session.setMode(options);
    const asked = [...new Set(all)];
    const snapshotOf = asked.filter(
      (one) =>
        options.snapshot === true || requests.some(({ snapshot }, index) => snapshot === true && all[index] === one),
    );
    const onFailure = () => session.book.drop(fresh);
    const recovery = await this.replay({ asked, fresh, since: options.since, snapshotOf, onFailure });
    return { subscriptions: asked.map((one) => one.describe()), cursor: session.cursor, ...recovery };
  }

  /**
   * Runs the requested replays and snapshots. They begin in the current turn of the event loop, so that no live event is
   * sent before.
   */
  private async replay(work: CatchUpWork): Promise<Recovery> {
    const { session, host } = this;
    const noted = this.noteReplay(work);
    const isNeeded = work.since !== undefined || work.snapshotOf.length > 0;
    const running: Recovery | Promise<Recovery> = isNeeded ? session.follow(new CatchUp(session, host, work)) : {};
    const kept = host.keeper?.changed(session);
    try {
      const recovery = await running;
      await kept;
      if (recovery.recovered === true) noted?.answered();
      else noted?.undo();
      return recovery;
    } catch (error) {
      noted?.undo();
      throw error;
    } finally {
      if (noted) void host.keeper?.changed(session);
    }
  }

  /** Records a replay. If the connection ends during the replay, the client's position is derived from this record. */
  private noteReplay({ asked, fresh, since, starts }: CatchUpWork): NotedReplay | undefined {
    const given = parseCursor(since);
    if (given?.epoch !== this.host.epoch) return undefined;
    const isReturn = starts !== undefined;
    const replay: KeptReplay = { number: ++this.replays, isReturn };
    const changed = asked.filter((one) => fresh.includes(one) || given.seq < one.from);
    const before = changed.map(({ from, replay: older }) => ({ from, replay: older }));
    for (const one of changed) Object.assign(one, { from: starts?.get(one) ?? given.seq, replay });
    return {
      answered: () => {
        replay.until = this.host.position;
        this.isUnconfirmed ||= !isReturn;
      },
      undo: () => changed.forEach((one, index) => Object.assign(one, before[index])),
    };
  }

  private orError<T>(work: () => T, subscriptionId?: string): T | undefined {
    try {
      return work();
    } catch (error) {
      this.session.link.sendMessage('error', { ...asDomainError(error).toSocket(), subscriptionId });
      return undefined;
    }
  }

  private inOrder<T>(work: () => T | Promise<T>): Promise<T> {
    return this.order.run(this.host.limits.waitingChanges, work);
  }
}
