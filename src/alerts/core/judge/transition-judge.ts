import type { InstanceBook } from '../table/instance-book.js';
import type { LeafTable } from '../table/leaf-table.js';
import type { Throttles } from './throttle.js';
import type { RuleTable } from '../table/rule-table.js';
import { heldSubject, type Moment, type TransitionList } from './transition-list.js';
import { causeOf, type HeldBack, type TransitionReason } from '../transition.js';
import type { Waiting } from './waiting.js';
import { ABSENCE } from '../rule/watched-number.js';

/**
 * Decides on transitions and notifications of instances whose conditions changed. Phases follow only the market; mode,
 * throttle, snooze, flapping and staleness decide whether a change of phase becomes a message. An instance that was kept
 * quiet is reviewed afterwards: its owner is notified of the current state if the last notification was of a different
 * one.
 */
export class TransitionJudge {
  constructor(
    private readonly rules: RuleTable,
    private readonly leaves: LeafTable,
    private readonly instances: InstanceBook,
    private readonly throttles: Throttles,
    private readonly waiting: Waiting,
    private readonly list: TransitionList,
  ) {}

  /** Updates the phase of an instance. */
  judge(row: number, moment: Moment): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    const isHeld = this.rules.isTrue(rule, this.instances.heldNow(row));
    switch (table.phase(row)) {
      case 'ok':
        if (!isHeld) return;
        if (this.rules.forMs(rule) > 0) table.setPhase(row, 'pending', moment.at);
        else this.begin(row, rule, moment.at, moment);
        return;
      case 'pending':
        if (!isHeld) this.rest(row);
        else if (!moment.event && this.waiting.isOver(row, moment.at))
          this.begin(row, rule, table.since.get(row), moment);
        return;
      case 'firing':
        if (!isHeld) this.end(row, rule, moment);
        else if (moment.event) this.repeat(row, rule, moment);
    }
  }

  /**
   * Judges again after the conditions that held only for the current event were reset. An instance that began to fire
   * with the event and no longer holds has fired without a resolution.
   */
  judgeAfterMoment(row: number, moment: Moment): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    if (table.phase(row) === 'ok' || this.rules.isTrue(rule, this.instances.held(row))) return;
    if (table.phase(row) === 'firing' && !table.began(row)) this.end(row, rule, moment);
    else this.rest(row);
  }

  /** Schedules the next review of an instance, once per log row, after it was judged. */
  settle(row: number, at = -Infinity): void {
    this.instances.table.setBegan(row, false);
    this.waiting.settle(row, at);
    this.instances.table.untouch(row);
    this.instances.dropIfAtRest(row);
  }

  /**
   * Marks an instance of an added rule that already holds as firing, without a notification. The next tick notifies,
   * except in mode `crossing`.
   */
  assume(row: number, since: number): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    if (!this.rules.isTrue(rule, this.instances.held(row))) return;
    const isCrossing = this.rules.isCrossing(rule);
    table.setAssumed(row, isCrossing);
    table.setPhase(row, this.rules.forMs(rule) > 0 && !isCrossing ? 'pending' : 'firing', since);
  }

  /** Counts the notified firing of the instance as not notified, so that it can be notified once more. */
  forget(row: number): void {
    const { table } = this.instances;
    table.setNotified(row, false);
    table.setOwed(row, false);
    table.markDirty(row);
  }

  /** Sends notifications that are due without an event: the current state after a quiet time, and summaries. */
  notifyOverdue(moment: Moment): void {
    for (const row of this.waiting.dueReviews(moment.at)) {
      this.review(row, moment);
      this.settle(row, moment.at);
    }
    for (const rule of this.waiting.dueSummaries(moment.at)) this.summariseRule(rule, moment);
  }

  private begin(row: number, rule: number, since: number, moment: Moment): void {
    const { table } = this.instances;
    table.setPhase(row, 'firing', since);
    table.setNotified(row, false);
    table.setBegan(row, true);
    table.setAssumed(row, this.rules.isUnmade(rule, moment.at) && this.rules.isCrossing(rule));
    if (this.rules.isUnmade(rule, moment.at) || !this.isCredible(row, rule, moment)) return;
    if (this.rules.isSnoozed(rule, moment.at)) this.list.silence(row, 'ok', 'firing', 'snoozed', moment);
    else if (this.throttles.isThrottled(row, moment.at)) this.holdBack(row, rule, moment);
    else this.notify(row, rule, moment, moment.isLate ? 'catch_up' : 'first_fire');
  }

  private holdBack(row: number, rule: number, moment: Moment): void {
    const { table } = this.instances;
    const readings = this.list.silence(row, table.isNotified(row) ? 'firing' : 'ok', 'firing', 'throttled', moment);
    const { condition, ...subject } = heldSubject(readings);
    const happens = moment.event !== null && (table.momentary.get(row) !== 0 || this.waiting.listsMoves(row));
    const firing = { instanceKey: table.key(row), ...subject, at: moment.at, ...causeOf(moment) };
    this.throttles.holdBack(row, firing, happens, this.leaves.comparesWith(rule, condition));
    if (!this.throttles.hasOwn(row)) this.waiting.oweSummary(rule);
  }

  private repeat(row: number, rule: number, moment: Moment): void {
    const { table } = this.instances;
    if (!this.waiting.wantsEvents(row) || moment.at < this.rules.silentUntil(rule)) return;
    const isThrottled = this.throttles.isThrottled(row, moment.at);
    if ((isThrottled && !this.waiting.listsMoves(row)) || !this.isCredible(row, rule, moment)) return;
    this.believe(row);
    if (table.isNotified(row) && !this.rules.repeats(rule)) return;
    if (isThrottled) this.holdBack(row, rule, moment);
    else this.notify(row, rule, moment, table.isNotified(row) ? 'repeat' : moment.isLate ? 'catch_up' : 'first_fire');
  }

  /**
   * Drops a resolution that was not sent: its owner still assumes the earlier firing, so the current firing needs no
   * notification.
   */
  private believe(row: number): void {
    const { table } = this.instances;
    if (!table.isOwed(row)) return;
    table.setOwed(row, false);
    table.setNotified(row, true);
    table.markDirty(row);
  }

  private notify(row: number, rule: number, moment: Moment, reason: TransitionReason): void {
    const { table } = this.instances;
    const change = this.throttles.change(row, moment.at);
    const from = table.isNotified(row) ? 'firing' : 'ok';
    if (change === 'flapping') {
      this.list.silence(row, from, 'firing', 'flapping', moment);
      return;
    }
    table.setNotified(row, true);
    table.setOwed(row, false);
    table.markDirty(row);
    this.rules.spend(rule);
    const flapNotice = change === 'notice';
    // Events have no current state that could be sent when flapping ends, so the next ones are listed together.
    const isPaused = flapNotice && this.leaves.waitForEvents(rule);
    this.list.add(row, from, 'firing', reason, moment, {
      ...this.throttles.begin(row, moment.at, isPaused),
      flapNotice,
    });
  }

  private end(row: number, rule: number, moment: Moment): void {
    const { table } = this.instances;
    if (this.rules.notifiesResolution(rule) && (table.isNotified(row) || this.throttles.hasChanged(row, moment.at))) {
      this.resolve(row, rule, moment);
    }
    this.rest(row);
  }

  private resolve(row: number, rule: number, moment: Moment): void {
    const { table } = this.instances;
    const wasNotified = table.isNotified(row);
    if (this.rules.isSnoozed(rule, moment.at)) {
      if (wasNotified) this.owe(row, moment, 'snoozed');
      return;
    }
    const change = this.throttles.change(row, moment.at);
    if (!wasNotified) return;
    if (change === 'flapping') this.owe(row, moment, 'flapping');
    else this.list.add(row, 'firing', 'ok', 'resolved', moment, { flapNotice: change === 'notice' });
  }

  private owe(row: number, moment: Moment, why: 'snoozed' | 'flapping'): void {
    this.list.silence(row, 'firing', 'ok', why, moment);
    this.instances.table.setOwed(row, true);
    this.instances.table.markDirty(row);
  }

  private rest(row: number): void {
    this.instances.table.setPhase(row, 'ok', 0);
    this.instances.table.setNotified(row, false);
    this.instances.table.setAssumed(row, false);
  }

  /** Reviews an instance at a tick, after its quiet time has ended. */
  private review(row: number, moment: Moment): void {
    const { table } = this.instances;
    const rule = table.rule.get(row);
    const { at } = moment;
    if (this.rules.silentUntil(rule) <= at && this.throttles.calmAt(row) <= at) this.notifyPresent(row, rule, moment);
    if (this.throttles.hasOwn(row) && this.throttles.suppressed(row) > 0 && !this.throttles.isRunning(row, at)) {
      if (this.rules.isSnoozed(rule, at)) this.throttles.forget(row, at);
      else this.summarise(row, rule, moment);
    }
    this.throttles.expire(row, at);
  }

  private notifyPresent(row: number, rule: number, moment: Moment): void {
    const { table } = this.instances;
    if (table.phase(row) === 'firing') {
      this.believe(row);
      if (!this.waiting.isUnnotified(row) || !this.isCredible(row, rule, moment)) return;
      if (this.throttles.isRunning(row, moment.at)) {
        // The summary names the instance together with the others that the throttle of its rule holds back.
        if (this.throttles.sharesThrottle(row) && !this.throttles.isNamed(row)) this.holdBack(row, rule, moment);
      } else if (this.throttles.suppressed(row) === 0)
        this.notify(row, rule, moment, this.reasonOf(row, rule, moment.isLate ? 'catch_up' : 'first_fire'));
    } else if (table.isOwed(row)) {
      table.setOwed(row, false);
      table.markDirty(row);
      if (this.rules.notifiesResolution(rule)) {
        this.list.add(row, 'firing', 'ok', this.reasonOf(row, rule, 'resolved'), moment);
      }
    }
  }

  private reasonOf(row: number, rule: number, otherwise: TransitionReason): TransitionReason {
    if (this.throttles.calmAt(row) > 0) return 'after_flapping';
    return this.instances.table.since.get(row) < this.rules.snoozeEnd(rule) ? 'after_snooze' : otherwise;
  }

  private summariseRule(rule: number, moment: Moment): void {
    const base = this.rules.base.get(rule);
    if (this.rules.isSnoozed(rule, moment.at)) {
      this.throttles.forget(base, moment.at);
    } else if (!this.instances.isShared(base)) this.summarise(base, rule, moment);
    else {
      const firing = [...this.instances.firingRows(rule)].filter((row) => this.instances.table.phase(row) === 'firing');
      for (const row of this.instances.inOrder(firing)) {
        if (this.isNotifiable(row, rule, moment) && this.throttles.hasRoomFor(row)) this.holdBack(row, rule, moment);
        this.countAsNotified(row, rule, moment);
      }
      const phase = firing.length > 0 ? 'firing' : 'ok';
      const { suppressed, heldBack } = this.throttles.begin(base, moment.at);
      this.list.add(base, phase, phase, 'throttle_summary', moment, {
        suppressed,
        heldBack: heldBack.map((held) => (this.hasEnded(rule, held) ? { ...held, ended: true } : held)),
        readings: [],
      });
    }
  }

  private hasEnded(rule: number, { instanceKey }: HeldBack): boolean {
    if (this.leaves.waitForEvents(rule)) return false;
    const row = this.instances.find(rule, instanceKey);
    return row === undefined || this.instances.table.phase(row) !== 'firing';
  }

  /** Sends one summary of the firings that the throttle of one subject held back until now. */
  private summarise(row: number, rule: number, moment: Moment): void {
    const phase = this.instances.table.phase(row) === 'firing' ? 'firing' : 'ok';
    this.countAsNotified(row, rule, moment);
    this.list.add(row, phase, phase, 'throttle_summary', moment, this.throttles.begin(row, moment.at));
  }

  private isNotifiable(row: number, rule: number, moment: Moment): boolean {
    return this.waiting.isUnnotified(row) && this.isCredible(row, rule, moment);
  }

  private countAsNotified(row: number, rule: number, moment: Moment): void {
    if (!this.isNotifiable(row, rule, moment)) return;
    this.instances.table.setNotified(row, true);
    this.instances.table.setOwed(row, false);
    this.instances.table.markDirty(row);
  }

  /** Whether the instance holds without stale values, and its rule is not spent. */
  private isCredible(row: number, rule: number, { event, isStale }: Moment): boolean {
    if (isStale || this.rules.isSpent(rule)) return false;
    // The value of a rule's only condition came with this event, unless the event only changed the result of its filter.
    const first = this.leaves.first(rule);
    if (event && this.leaves.next.get(first) < 0 && !this.leaves.hasFilter(first)) return true;
    return this.rules.isTrue(rule, this.freshlyHeld(row, rule));
  }

  /** Returns a bit mask of the conditions that hold now. A condition whose value was stale when it was logged does not count. */
  private freshlyHeld(row: number, rule: number): number {
    const key = this.instances.table.key(row);
    let held = this.instances.heldNow(row);
    for (let leaf = this.leaves.first(rule); leaf >= 0; leaf = this.leaves.next.get(leaf)) {
      const scope = this.leaves.numberScope(leaf);
      if (scope?.quantityOf(key)?.series.isStale && scope.watched.windowMs !== ABSENCE) held &= ~this.leaves.bit(leaf);
    }
    return held;
  }
}
