import {
  isAbsent,
  isComparison,
  type Condition,
  type MarketRow,
  type RuleDefinition,
  type Transition,
  type TransitionReason,
} from '../../../src/alerts/core/index.js';
import { holds, isChange, isTrue, leavesOf, variables } from './naive-alert-rule.js';
import { NaiveMarket, seriesKey, type Subject } from './naive-market.js';

interface Instance {
  phase: 'ok' | 'pending' | 'firing';
  since: number;
  notified: boolean;
  /** Whether the owner was notified of an earlier firing that has not been resolved. */
  owed: boolean;
  /** Whether the rule already held when it was created. */
  assumed: boolean;
  began: boolean;
  held: boolean[];
  moment: boolean[];
  throttle: Throttle;
  changes: number[];
}

interface Throttle {
  until: number;
  suppressed: number;
  /** Subjects that the next summary will name. */
  named: string[];
}

interface NaiveRule {
  rule: RuleDefinition;
  seq: number;
  throttle: Throttle;
  spent: boolean;
  instances: Map<string, Instance>;
  /** Resolutions that the rule's snooze delays, of firings about subjects that the rule no longer has. */
  farewells: Farewell[];
}

interface Farewell {
  readonly instanceKey: string;
  readonly ruleVersion: number;
  readonly since: number | null;
}

/** Whether a condition is about changes from one published value to the next. */
const isMove = ({ condition }: { condition: Condition }): boolean =>
  isComparison(condition) && condition.operator === 'change_pct' && condition.timeWindow === undefined;

/** Transition without the readings and the event. */
export type BareTransition = Transition & { readonly readings: readonly []; readonly event: null };

/**
 * The alert evaluator in its simplest form: for every row of the log it evaluates every rule, subject and condition, and
 * looks up every value in the full history. Slow, but easy to verify.
 */
export class NaiveAlerts {
  readonly rules = new Map<string, NaiveRule>();
  private readonly market: NaiveMarket;

  constructor(
    private readonly deadBand: { tvl: number; price: number },
    private readonly staleAfterMs: number,
    private readonly flaps: { changes: number; windowMs: number },
  ) {
    this.market = new NaiveMarket(staleAfterMs);
  }

  /** Records observations from the tables (Unix ms) for subjects that would otherwise count as absent. */
  refresh(rule: RuleDefinition, table: ReadonlyMap<string, number>): void {
    for (const subject of this.market.subjects(rule, undefined).values()) {
      for (const { condition } of leavesOf(rule)) {
        if (isAbsent(condition)) this.market.refresh(rule, condition, subject, table);
      }
    }
  }

  get definitions(): ReadonlyMap<string, RuleDefinition> {
    return new Map([...this.rules].map(([ruleId, { rule }]) => [ruleId, rule]));
  }

  /**
   * Adds a rule or replaces it: an edited rule continues its count and its throttle, and a notified firing is resolved or
   * continues.
   */
  add(rule: RuleDefinition): BareTransition[] {
    const before = this.rules.get(rule.ruleId);
    const entry: NaiveRule = {
      rule,
      seq: before?.seq ?? 0,
      throttle: before?.throttle ?? { until: 0, suppressed: 0, named: [] },
      spent: false,
      instances: new Map(),
      farewells: before?.farewells ?? [],
    };
    this.rules.set(rule.ruleId, entry);
    for (const [key, subject] of [['', {}] as const, ...this.market.subjects(rule, undefined)]) {
      const instance = this.instance(entry, key);
      instance.held = leavesOf(rule).map(({ condition, negated }) => {
        const value = this.market.valueOf(rule, condition, subject);
        const isLet = this.market.lets(rule, condition, subject, false);
        return isLet && value !== undefined && holds({ rule, condition, negated }, value, false, this.deadBand);
      });
      if (!isTrue(rule, instance.held) || !isOne(rule, key)) continue;
      instance.assumed = rule.mode === 'crossing';
      instance.phase = rule.forSeconds > 0 && !instance.assumed ? 'pending' : 'firing';
      instance.since = this.market.clock;
    }
    return before ? this.carryOver(entry, before) : [];
  }

  private carryOver(entry: NaiveRule, before: NaiveRule): BareTransition[] {
    const { rule } = entry;
    const out: BareTransition[] = [];
    const isWatched = (key: string): boolean => {
      const lead = this.leadOf(before, key);
      const subject = subjectOf(key);
      if (lead === undefined || !isOne(rule, key)) return false;
      return leavesOf(rule).some(({ condition }) => isNumber(condition) && aboutOf(rule, condition, subject) === lead);
    };
    for (const [key, old] of before.instances) {
      if (!isWatched(key)) continue;
      const instance = this.instance(entry, key);
      instance.throttle = old.throttle;
      instance.changes = old.changes;
    }
    this.moveThrottles(entry, before.rule, () => false);
    if (rule.throttleScope === 'subject' && this.leadOf(before, '') !== undefined && !isWatched('')) {
      entry.throttle = { until: 0, suppressed: 0, named: [] };
    }
    for (const key of [...before.instances.keys()].sort()) {
      const old = before.instances.get(key);
      if (!old || (!old.notified && !old.owed)) continue;
      const at = this.market.clock;
      if (isWatched(key) && isTrue(rule, this.instance(entry, key).held)) {
        const since = old.phase === 'firing' ? old.since : at;
        Object.assign(this.instance(entry, key), { phase: 'firing', assumed: false, notified: true, since });
      } else if (rule.notifyResolved) {
        const farewell = { instanceKey: key, ruleVersion: before.rule.version, since: old.since || null };
        const isSnoozed = at < (rule.snoozedUntil?.getTime() ?? 0);
        out.push(this.resolvedByEdit(entry, farewell, at, isSnoozed));
        if (isSnoozed && isWatched(key)) this.instance(entry, key).owed = true;
        else if (isSnoozed) entry.farewells = [...entry.farewells, farewell];
      }
    }
    return out;
  }

  private resolvedByEdit(entry: NaiveRule, farewell: Farewell, at: number, isSnoozed: boolean): BareTransition {
    const why = isSnoozed ? ({ reason: 'resolved', silenced: 'snoozed' } as const) : ({ reason: 'edited' } as const);
    return { ...this.head(entry, farewell.instanceKey, at), from: 'firing', to: 'ok', ...why, ...farewell };
  }

  /** Returns the number that represents an instance: the first that holds, otherwise the first that has a value. */
  private leadOf({ rule, instances }: NaiveRule, key: string): string | undefined {
    const subject = subjectOf(key);
    const held = instances.get(key)?.held ?? [];
    const numbers = leavesOf(rule).flatMap(({ condition }, leaf) => {
      if (!isNumber(condition) || !this.market.isNamed(rule, condition, subject)) return [];
      return [{ about: aboutOf(rule, condition, subject), holds: held[leaf] === true }];
    });
    return (numbers.find((number) => number.holds) ?? numbers[0])?.about;
  }

  /** Changes settings of a rule that do not reset its state. */
  tune(rule: RuleDefinition): void {
    const entry = this.rules.get(rule.ruleId);
    if (!entry) return;
    const before = entry.rule;
    entry.rule = rule;
    this.moveThrottles(entry, before, (key) => this.instance(entry, key).notified);
  }

  private moveThrottles(entry: NaiveRule, before: RuleDefinition, isNotified: (key: string) => boolean): void {
    const longer = (entry.rule.throttleMinutes - before.throttleMinutes) * 60_000;
    if (entry.throttle.until > 0) entry.throttle.until += longer;
    for (const [key, instance] of entry.instances) {
      if (key === '') continue;
      if (instance.throttle.until > 0) instance.throttle.until += longer;
      if (entry.rule.throttleScope === 'subject') {
        if (before.throttleScope !== 'subject' && isNotified(key)) instance.throttle.until = entry.throttle.until;
      } else if (instance.throttle.until > 0) {
        entry.throttle.until = Math.max(entry.throttle.until, instance.throttle.until);
        instance.throttle = { until: 0, suppressed: 0, named: [] };
      }
    }
  }

  remove(ruleId: string): void {
    this.rules.delete(ruleId);
  }

  /** @param table time of the last observation of each key, published or not */
  apply(row: MarketRow, table: ReadonlyMap<string, number> = new Map()): BareTransition[] {
    const out: BareTransition[] = [];
    if (row.type === 'tick') this.market.refreshAll(table);
    for (const entry of this.rules.values()) {
      if (row.loggedAt < Math.max(entry.rule.snoozedUntil?.getTime() ?? 0, entry.rule.madeAt?.getTime() ?? 0)) continue;
      const farewells = entry.rule.notifyResolved ? entry.farewells : [];
      out.push(...farewells.map((farewell) => this.resolvedByEdit(entry, farewell, row.loggedAt, false)));
      entry.farewells = [];
    }
    const before = [...this.rules.values()].map((entry) => this.valuesOf(entry.rule, row));
    const touched = this.market.record(row);
    for (const [index, entry] of [...this.rules.values()].entries()) {
      const { rule } = entry;
      const subjects = this.market.subjects(rule, row);
      const matching = new Set<string>();
      const shared = this.instance(entry, '');
      for (const [key, subject] of [['', {}] as const, ...subjects]) {
        const instance = this.instance(entry, key);
        instance.began = false;
        instance.moment = leavesOf(rule).map(({ condition, negated }, leaf) => {
          instance.held[leaf] ??= false;
          if (condition.metric === 'event') return this.isAbout(rule, condition, subject, row);
          const isShared = seriesKey(rule, condition, {}) === seriesKey(rule, condition, subject);
          if (key === '' && !isShared) return false;
          if (key !== '' && isShared) instance.held[leaf] = shared.held[leaf] ?? false;
          const isLet = this.market.lets(rule, condition, subject, instance.held[leaf] ?? false);
          const previously = before[index]?.get(key)?.[leaf];
          const value = this.market.valueOf(rule, condition, subject);
          if (key === '' || !isShared) {
            instance.held[leaf] =
              isLet &&
              value !== undefined &&
              holds({ rule, condition, negated }, value, instance.held[leaf], this.deadBand);
          }
          if (touched.has(seriesKey(rule, condition, subject))) matching.add(key);
          if (!isComparison(condition) || condition.operator !== (negated ? 'ne' : 'eq')) return false;
          if (!isLet || previously === undefined || value === undefined) return false;
          return (previously - condition.threshold) * (value - condition.threshold) < 0;
        });
        if (instance.moment.some(Boolean)) matching.add(key);
      }
      const keys = [...subjects.keys()].sort();
      for (const key of keys) {
        this.judge(entry, { key, subject: subjects.get(key) ?? {}, isMatching: matching.has(key) }, row, out);
      }
      for (const key of keys) this.judgeAfterMoment(entry, key, row, out);
      if (row.type === 'tick') {
        for (const key of [...entry.instances.keys()].sort()) this.review(entry, key, row, out);
        this.summariseRule(entry, row.loggedAt, out);
      }
    }
    return out;
  }

  private judge(
    entry: NaiveRule,
    { key, subject, isMatching }: { key: string; subject: Subject; isMatching: boolean },
    row: MarketRow,
    out: BareTransition[],
  ): void {
    const { rule } = entry;
    const instance = this.instance(entry, key);
    const at = row.loggedAt;
    const isTick = row.type === 'tick';
    const isHeld = isTrue(rule, heldNow(instance));
    const isCredible = this.isCredible(entry, instance, subject, row);
    const begin = (since: number): void => {
      const isUnmade = at < (rule.madeAt?.getTime() ?? 0);
      const assumed = isUnmade && rule.mode === 'crossing';
      Object.assign(instance, { phase: 'firing', since, notified: false, began: true, assumed });
      if (isUnmade || !isCredible) return;
      const silenced = this.isSnoozed(entry, at)
        ? 'snoozed'
        : at < this.throttle(entry, key).until || this.throttle(entry, key).suppressed > 0
          ? 'throttled'
          : null;
      if (silenced === null) this.notify(entry, key, at, 'first_fire', out);
      else if (silenced === 'throttled') this.holdBack(entry, key, at, out);
      else out.push({ ...this.head(entry, key, at), ...FIRST, silenced, since: since || null });
    };
    if (instance.phase === 'ok' && isHeld) {
      if (rule.forSeconds > 0) Object.assign(instance, { phase: 'pending', since: at });
      else begin(at);
    } else if (instance.phase === 'pending') {
      if (!isHeld) Object.assign(instance, { phase: 'ok', since: 0 });
      else if (isTick && at - instance.since >= rule.forSeconds * 1000) begin(instance.since);
    } else if (instance.phase === 'firing') {
      if (!isHeld) this.end(entry, key, at, out);
      else if (isMatching && !isTick && isCredible && !instance.assumed) {
        if (instance.notified && rule.mode !== 'while_true') return;
        const throttle = this.throttle(entry, key);
        const isThrottled = at < throttle.until || throttle.suppressed > 0;
        if (isThrottled && !(rule.mode === 'while_true' && leavesOf(rule).every(isMove))) return;
        if (this.isSnoozed(entry, at) || at < (rule.madeAt?.getTime() ?? 0)) return;
        if (instance.owed) Object.assign(instance, { owed: false, notified: true });
        if (instance.notified && rule.mode !== 'while_true') return;
        if (isThrottled) return this.holdBack(entry, key, at, out);
        this.notify(entry, key, at, instance.notified ? 'repeat' : 'first_fire', out);
      }
    }
  }

  private judgeAfterMoment(entry: NaiveRule, key: string, row: MarketRow, out: BareTransition[]): void {
    const instance = this.instance(entry, key);
    if (instance.phase === 'ok' || isTrue(entry.rule, instance.held)) return;
    if (instance.phase === 'firing' && !instance.began) this.end(entry, key, row.loggedAt, out);
    Object.assign(instance, { phase: 'ok', since: 0, notified: false, assumed: false });
  }

  private holdBack(entry: NaiveRule, key: string, at: number, out: BareTransition[]): void {
    const throttle = this.throttle(entry, key);
    throttle.suppressed += 1;
    throttle.named.push(key);
    const since = this.instance(entry, key).since || null;
    const known = this.instance(entry, key).notified ? ({ from: 'firing', reason: 'repeat' } as const) : {};
    out.push({ ...this.head(entry, key, at), ...FIRST, ...known, silenced: 'throttled', since });
  }

  private notify(entry: NaiveRule, key: string, at: number, reason: TransitionReason, out: BareTransition[]): void {
    const instance = this.instance(entry, key);
    const change = this.change(entry, instance, at);
    const from = instance.notified ? 'firing' : 'ok';
    const since = instance.since || null;
    if (change === 'flapping') {
      const reason = instance.notified ? 'repeat' : 'first_fire';
      out.push({ ...this.head(entry, key, at), from, to: 'firing', reason, silenced: 'flapping', since });
      return;
    }
    const { suppressed } = this.throttle(entry, key);
    const flapNotice = change === 'notice';
    out.push({ ...this.head(entry, key, at), from, to: 'firing', reason, suppressed, flapNotice, since });
    Object.assign(instance, { notified: true, owed: false });
    if (flapNotice && leavesOf(entry.rule).some(({ condition }) => !isNumber(condition))) {
      Object.assign(this.throttle(entry, key), { until: at + this.flaps.windowMs, suppressed: 0, named: [] });
    } else this.quieten(entry, key, at);
    if (entry.rule.mode === 'once') entry.spent = true;
  }

  private end(entry: NaiveRule, key: string, at: number, out: BareTransition[]): void {
    const instance = this.instance(entry, key);
    const { notified, since } = instance;
    const isChanging = this.recent(instance, at).length > 0 || notified;
    const resolved = { from: 'firing', to: 'ok', reason: 'resolved', since: since || null } as const;
    if (entry.rule.notifyResolved && isChanging) {
      const snoozed = this.isSnoozed(entry, at);
      const change = snoozed ? 'calm' : this.change(entry, instance, at);
      const silenced = snoozed ? 'snoozed' : change === 'flapping' ? 'flapping' : null;
      if (notified) {
        out.push({ ...this.head(entry, key, at), ...resolved, silenced, flapNotice: change === 'notice' });
        if (silenced) instance.owed = true;
      }
    }
    Object.assign(instance, { phase: 'ok', since: 0, notified: false, assumed: false });
  }

  /** Sends, at a tick, the notification that is due after a quiet time. */
  private review(entry: NaiveRule, key: string, row: MarketRow, out: BareTransition[]): void {
    const { rule } = entry;
    const at = row.loggedAt;
    const instance = this.instance(entry, key);
    const isFlapping = instance.changes.length > this.flaps.changes;
    const isCalm = !isFlapping || at >= (instance.changes.at(-1) ?? 0) + this.flaps.windowMs;
    const hasOwn = key !== '' && rule.throttleScope === 'subject';
    if (isCalm && !this.isSnoozed(entry, at) && at >= (rule.madeAt?.getTime() ?? 0)) {
      const isAfterSnooze = instance.since < (rule.snoozedUntil?.getTime() ?? 0);
      const because = isFlapping ? 'after_flapping' : isAfterSnooze ? 'after_snooze' : undefined;
      if (instance.phase === 'firing') {
        if (instance.owed) Object.assign(instance, { owed: false, notified: true });
        const throttle = this.throttle(entry, key);
        const subject = this.market.subjects(rule, undefined).get(key) ?? {};
        const isUnnotified = !instance.notified && !instance.assumed && this.isCredible(entry, instance, subject, row);
        if (isUnnotified && at < throttle.until && key !== '' && !hasOwn && !throttle.named.includes(key)) {
          this.holdBack(entry, key, at, out);
        } else if (isUnnotified && throttle.suppressed === 0 && at >= throttle.until) {
          this.notify(entry, key, at, because ?? 'first_fire', out);
        }
      } else if (instance.owed) {
        instance.owed = false;
        const resolved = { from: 'firing', to: 'ok', reason: because ?? 'resolved' } as const;
        if (rule.notifyResolved) out.push({ ...this.head(entry, key, at), ...resolved, since: instance.since || null });
      }
    }
    if (hasOwn && instance.throttle.suppressed > 0 && at >= instance.throttle.until) {
      if (this.isSnoozed(entry, at)) Object.assign(instance.throttle, { suppressed: 0, named: [] });
      else this.summarise(entry, key, [key], at, out);
    }
    const calmAt = (instance.changes.at(-1) ?? 0) + this.flaps.windowMs;
    if (instance.throttle.suppressed > 0 || at < Math.max(instance.throttle.until, calmAt)) return;
    instance.throttle.until = 0;
    instance.changes = [];
  }

  private summariseRule(entry: NaiveRule, at: number, out: BareTransition[]): void {
    if (entry.throttle.suppressed === 0 || at < entry.throttle.until) return;
    if (this.isSnoozed(entry, at)) Object.assign(entry.throttle, { suppressed: 0, named: [] });
    else this.summarise(entry, '', [...entry.instances.keys()], at, out);
  }

  private summarise(entry: NaiveRule, key: string, keys: string[], at: number, out: BareTransition[]): void {
    const firing = keys.filter((one) => this.instance(entry, one).phase === 'firing');
    const isUnnotified = (one: string): boolean => {
      const instance = this.instance(entry, one);
      const subject = this.market.subjects(entry.rule, undefined).get(one) ?? {};
      const tick = { type: 'tick', loggedAt: at, observedAt: at } as MarketRow;
      return !instance.notified && !instance.assumed && this.isCredible(entry, instance, subject, tick);
    };
    const throttle = this.throttle(entry, key);
    if (key === '' && variables(entry.rule).size > 0) {
      for (const one of firing.toSorted())
        if (isUnnotified(one) && !throttle.named.includes(one)) this.holdBack(entry, one, at, out);
    }
    const phase = firing.length > 0 ? 'firing' : 'ok';
    const { suppressed } = throttle;
    const since = this.instance(entry, key).since || null;
    out.push({ ...this.head(entry, key, at), from: phase, to: phase, reason: 'throttle_summary', suppressed, since });
    for (const one of firing) {
      if (isUnnotified(one)) Object.assign(this.instance(entry, one), { notified: true, owed: false });
    }
    this.quieten(entry, key, at);
  }

  private quieten(entry: NaiveRule, key: string, at: number): void {
    Object.assign(this.throttle(entry, key), {
      until: at + entry.rule.throttleMinutes * 60_000,
      suppressed: 0,
      named: [],
    });
  }

  private throttle(entry: NaiveRule, key: string): Throttle {
    return key !== '' && entry.rule.throttleScope === 'subject' ? this.instance(entry, key).throttle : entry.throttle;
  }

  private isSnoozed({ rule }: NaiveRule, at: number): boolean {
    return at < (rule.snoozedUntil?.getTime() ?? 0);
  }

  private isCredible({ rule, spent }: NaiveRule, instance: Instance, subject: Subject, row: MarketRow): boolean {
    const isTick = row.type === 'tick';
    if (spent || (!isTick && row.loggedAt - row.observedAt > this.staleAfterMs)) return false;
    const held = heldNow(instance);
    const fresh = leavesOf(rule).map(
      ({ condition }, leaf) => held[leaf] === true && !this.market.isStale(rule, condition, subject),
    );
    return isTrue(rule, fresh);
  }

  private recent({ changes }: Instance, at: number): number[] {
    return changes.filter((time) => time > at - this.flaps.windowMs);
  }

  private change({ rule }: NaiveRule, instance: Instance, at: number): 'calm' | 'notice' | 'flapping' {
    if (rule.throttleMinutes > 0) return 'calm';
    const recent = this.recent(instance, at).slice(-this.flaps.changes - 1);
    instance.changes = [...recent, at].slice(-this.flaps.changes - 1);
    if (recent.length < this.flaps.changes) return 'calm';
    return recent.length === this.flaps.changes ? 'notice' : 'flapping';
  }

  private head(entry: NaiveRule, key: string, at: number) {
    entry.seq += 1;
    const { ruleId, version } = entry.rule;
    const nothing = { suppressed: 0, heldBack: [], silenced: null, flapNotice: false } as const;
    const seen = { readings: [] as const, event: null };
    return { ruleId, ruleVersion: version, instanceKey: key, seq: entry.seq, at, ...nothing, ...seen };
  }

  private instance(entry: NaiveRule, key: string): Instance {
    const known = entry.instances.get(key);
    if (known) return known;
    const calm = { notified: false, owed: false, assumed: false, began: false };
    const fresh: Instance = {
      phase: 'ok',
      since: 0,
      ...calm,
      held: [],
      moment: [],
      throttle: { until: 0, suppressed: 0, named: [] },
      changes: [],
    };
    entry.instances.set(key, fresh);
    return fresh;
  }

  private valuesOf(rule: RuleDefinition, row: MarketRow): Map<string, (number | undefined)[]> {
    return new Map(
      [...this.market.subjects(rule, row)].map(([key, subject]) => [
        key,
        leavesOf(rule).map(({ condition }) => this.market.valueOf(rule, condition, subject)),
      ]),
    );
  }

  private isAbout(rule: RuleDefinition, condition: Condition, subject: Subject, row: MarketRow): boolean {
    if (condition.metric !== 'event' || row.type !== condition.eventType) return false;
    const names = ['protocol', 'chain', 'token'] as const;
    const joins = names.every((name) => !variables(rule).has(name) || condition[name] === undefined);
    return names.every((name) => {
      const wanted = condition[name] ?? (joins && variables(rule).has(name) ? subject[name] : undefined);
      return wanted === undefined || row[name] === wanted;
    });
  }
}

const FIRST = { from: 'ok', to: 'firing', reason: 'first_fire' } as const;

/**
 * Whether the key is that of an instance that can fire: of a subject for a wildcard rule, otherwise of the rule itself.
 */
function isOne(rule: RuleDefinition, key: string): boolean {
  const names = new Set(key === '' ? [] : key.split(',').map((part) => part.split('=')[0]));
  const free: ReadonlySet<string | undefined> = variables(rule);
  return names.size === free.size && [...names].every((name) => free.has(name));
}

const isNumber = (condition: Condition): boolean => condition.metric !== 'event';

/** Returns the number that a condition compares for the subject: the level, change or absence of a series. */
function aboutOf(rule: RuleDefinition, condition: Condition, subject: Subject): string {
  const kind = isAbsent(condition) ? 'absence' : isChange(condition) ? 'change' : 'level';
  return `${seriesKey(rule, condition, subject)} ${kind}`;
}

function subjectOf(key: string): Subject {
  return key === '' ? {} : Object.fromEntries(key.split(',').map((part) => part.split('=')));
}

function heldNow({ held, moment }: Instance): boolean[] {
  return held.map((holds, leaf) => holds || moment[leaf] === true);
}
