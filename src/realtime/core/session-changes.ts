import { asDomainError } from '../../platform/errors/domain-error.js';
import { parseCursor } from '../../events/index.js';
import { CatchUp, type CatchUpWork, type Recovery } from './catch-up.js';
import { sinceOf, startOf, type KeptReplay, type KeptSession, type ResumeOffset } from './kept-session.js';
import { OrderedChanges } from './ordered-changes.js';
import type { SubscribeAnswer, SubscribeOptions, UnsubscribeAnswer } from './session-calls.js';
import type { Session } from './session.js';
import type { SessionHost } from './session-host.js';
import type { SubscriptionSelector } from './subscription-book.js';
import type { Subscription, SubscriptionRequest } from './subscription.js';

/**
 * Changes of one session's subscriptions, in the order in which they were asked for. Each is kept for the client's return
 * before it is answered: what was answered comes back.
 */
export class SessionChanges {
  /** Replays so far, those of the sessions it goes on with included. */
  replays = 0;
  /** A replay was answered that ran beside older subscriptions. */
  isUnconfirmed = false;
  /** Something was subscribed before: positions that the client names need not be those of a replay. */
  private hasBegun = false;
  private readonly order: OrderedChanges;

  constructor(
    private readonly session: Session,
    private readonly host: SessionHost,
  ) {
    this.order = new OrderedChanges(() => session.ended);
  }

  subscribe(requests: readonly SubscriptionRequest[], options: SubscribeOptions): Promise<SubscribeAnswer> {
    return this.inOrder(() => this.add(requests, options));
  }

  unsubscribe(selector: SubscriptionSelector): Promise<UnsubscribeAnswer> {
    return this.inOrder(async () => {
      const { session, host } = this;
      const removed = session.book.remove(selector).map((subscription) => subscription.describe());
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
      const updated = filter ? session.book.update(selector, filter) : session.book.select(selector);
      session.setMode(options);
      await this.host.keeper?.changed(session);
      return { subscriptions: updated.map((subscription) => subscription.describe()), cursor: session.cursor };
    });
  }

  /** Subscriptions that the caller may not have any more are left out, with an `error` each. */
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

  /** Live queries are opened first, for they may be refused, and begin last, so that no result comes before the answer's replay. */
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
    const { all, fresh } = session.book.add(requests);
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

  /** Replays and snapshots, if any are asked for. The work begins in this turn, so that nothing live comes between. */
  private async replay(work: CatchUpWork): Promise<Recovery> {
    const { session, host } = this;
    const undo = this.noteReplay(work);
    const isNeeded = work.since !== undefined || work.snapshotOf.length > 0;
    const running: Recovery | Promise<Recovery> = isNeeded ? session.follow(new CatchUp(session, host, work)) : {};
    const kept = host.keeper?.changed(session);
    try {
      const recovery = await running;
      await kept;
      if (recovery.recovered === false) await this.keepAfter(undo);
      return recovery;
    } catch (error) {
      await this.keepAfter(undo);
      throw error;
    }
  }

  private async keepAfter(undo: () => void): Promise<void> {
    undo();
    await this.host.keeper?.changed(this.session);
  }

  /** How far the client came is judged by this, should the connection end. Gives what takes it back. */
  private noteReplay({ asked, fresh, since, starts }: CatchUpWork): () => void {
    const alone = !this.hasBegun;
    this.hasBegun = true;
    const given = parseCursor(since);
    const { epoch, position } = this.host;
    if (given?.epoch !== epoch) return () => {};
    const replay: KeptReplay = { until: position, number: ++this.replays, alone };
    const noted = asked.filter((one) => fresh.includes(one) || given.seq < one.from);
    const before = noted.map(({ from, replay: older }) => ({ from, replay: older }));
    for (const one of noted) Object.assign(one, { from: starts?.get(one) ?? given.seq, replay });
    if (!alone) this.isUnconfirmed = true;
    return () => noted.forEach((one, index) => Object.assign(one, before[index]));
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
