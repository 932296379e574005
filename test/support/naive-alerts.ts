import type { Condition, MarketRow, RuleDefinition, Transition } from '../../src/alerts/core/index.js';
import { holds, isTrue, leavesOf, variables } from './naive-alert-rule.js';
import { NaiveMarket, seriesKey, type Subject } from './naive-market.js';

interface Instance {
  phase: 'ok' | 'pending' | 'firing';
  since: number;
  told: boolean;
  began: boolean;
  held: boolean[];
  moment: boolean[];
}

interface NaiveRule {
  rule: RuleDefinition;
  seq: number;
  throttledUntil: number;
  suppressed: number;
  spent: boolean;
  instances: Map<string, Instance>;
}

/** Without what the conditions saw. */
export type ToldTransition = Transition & { readonly readings: readonly [] };

/**
 * The alert evaluator as one would write it down: every row of the log, every rule, every subject, every condition is
 * looked at, and every value is looked up in the full history. Slow, and right by inspection.
 */
export class NaiveAlerts {
  readonly rules = new Map<string, NaiveRule>();
  private readonly market: NaiveMarket;

  constructor(
    private readonly deadBand: { tvl: number; price: number },
    private readonly staleAfterMs: number,
  ) {
    this.market = new NaiveMarket(staleAfterMs);
  }

  /** New, or anew: an edited rule goes on counting. */
  add(rule: RuleDefinition): void {
    const seq = this.rules.get(rule.ruleId)?.seq ?? 0;
    const entry: NaiveRule = { rule, seq, throttledUntil: 0, suppressed: 0, spent: false, instances: new Map() };
    this.rules.set(rule.ruleId, entry);
    for (const [key, subject] of [['', {}] as const, ...this.market.subjects(rule, undefined)]) {
      const instance = this.instance(entry, key);
      instance.held = leavesOf(rule).map(({ condition, negated }) => {
        const value = this.market.valueOf(rule, condition, subject);
        return value !== undefined && holds({ rule, condition, negated }, value, false, this.deadBand);
      });
      if (!isTrue(rule, instance.held) || (key === '') !== (variables(rule).size === 0)) continue;
      instance.phase = rule.forSeconds > 0 ? 'pending' : 'firing';
      instance.since = this.market.clock;
    }
  }

  /** The same conditions, told differently. */
  tune(rule: RuleDefinition): void {
    const entry = this.rules.get(rule.ruleId);
    if (!entry) return;
    const longer = (rule.throttleMinutes - entry.rule.throttleMinutes) * 60_000;
    if (entry.throttledUntil > 0) entry.throttledUntil += longer;
    entry.rule = rule;
  }

  remove(ruleId: string): void {
    this.rules.delete(ruleId);
  }

  apply(row: MarketRow): ToldTransition[] {
    const out: ToldTransition[] = [];
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
          const previously = before[index]?.get(key)?.[leaf];
          const value = this.market.valueOf(rule, condition, subject);
          if (key === '' || !isShared) {
            instance.held[leaf] =
              value !== undefined && holds({ rule, condition, negated }, value, instance.held[leaf], this.deadBand);
          }
          if (touched.has(seriesKey(rule, condition, subject))) matching.add(key);
          if (condition.operator !== 'eq' || negated || previously === undefined || value === undefined) return false;
          return (previously - condition.threshold) * (value - condition.threshold) < 0;
        });
        if (instance.moment.some(Boolean)) matching.add(key);
      }
      const keys = [...subjects.keys()].sort();
      for (const key of keys) {
        this.judge(entry, { key, subject: subjects.get(key) ?? {}, isMatching: matching.has(key) }, row, out);
      }
      for (const key of keys) this.judgeAfterMoment(entry, key, row, out);
      if (row.type === 'tick') this.summarise(entry, row.loggedAt, out);
    }
    return out;
  }

  private judge(
    entry: NaiveRule,
    { key, subject, isMatching }: { key: string; subject: Subject; isMatching: boolean },
    row: MarketRow,
    out: ToldTransition[],
  ): void {
    const { rule } = entry;
    const instance = this.instance(entry, key);
    const at = row.loggedAt;
    const isTick = row.type === 'tick';
    const heldNow = instance.held.map((held, leaf) => held || instance.moment[leaf] === true);
    const isHeld = isTrue(rule, heldNow);
    const fresh = leavesOf(rule).map(
      ({ condition }, leaf) => heldNow[leaf] === true && !this.market.isStale(rule, condition, subject),
    );
    const mayTell =
      !entry.spent &&
      at >= (rule.snoozedUntil?.getTime() ?? 0) &&
      (isTick || at - row.observedAt <= this.staleAfterMs) &&
      isTrue(rule, fresh);
    const begin = (since: number): void => {
      Object.assign(instance, { phase: 'firing', since, told: false, began: true });
      if (!mayTell) return;
      if (at >= entry.throttledUntil) this.tell(entry, key, at, out);
      else entry.suppressed += 1;
    };
    if (instance.phase === 'ok' && isHeld) {
      if (rule.forSeconds > 0) Object.assign(instance, { phase: 'pending', since: at });
      else begin(at);
    } else if (instance.phase === 'pending') {
      if (!isHeld) Object.assign(instance, { phase: 'ok', since: 0 });
      else if (isTick && at - instance.since >= rule.forSeconds * 1000) begin(instance.since);
    } else if (instance.phase === 'firing') {
      if (!isHeld) this.end(entry, key, at, out);
      else if (isMatching && !isTick && mayTell && rule.mode !== 'crossing' && at >= entry.throttledUntil) {
        this.tell(entry, key, at, out);
      }
    }
  }

  private judgeAfterMoment(entry: NaiveRule, key: string, row: MarketRow, out: ToldTransition[]): void {
    const instance = this.instance(entry, key);
    if (instance.phase === 'ok' || isTrue(entry.rule, instance.held)) return;
    if (instance.phase === 'firing' && !instance.began) this.end(entry, key, row.loggedAt, out);
    Object.assign(instance, { phase: 'ok', since: 0, told: false });
  }

  private tell(entry: NaiveRule, key: string, at: number, out: ToldTransition[]): void {
    const instance = this.instance(entry, key);
    out.push({
      ...this.head(entry, key, at),
      from: instance.told ? 'firing' : 'ok',
      to: 'firing',
      reason: instance.told ? 'repeat' : 'first_fire',
      since: instance.since || null,
    });
    instance.told = true;
    this.quieten(entry, at);
    if (entry.rule.mode === 'once') entry.spent = true;
  }

  private end(entry: NaiveRule, key: string, at: number, out: ToldTransition[]): void {
    const instance = this.instance(entry, key);
    if (instance.told && entry.rule.notifyResolved && at >= (entry.rule.snoozedUntil?.getTime() ?? 0)) {
      const since = instance.since || null;
      out.push({ ...this.head(entry, key, at), suppressed: 0, from: 'firing', to: 'ok', reason: 'resolved', since });
    }
    Object.assign(instance, { phase: 'ok', since: 0, told: false });
  }

  private summarise(entry: NaiveRule, at: number, out: ToldTransition[]): void {
    if (entry.suppressed === 0 || at < entry.throttledUntil) return;
    if (at < (entry.rule.snoozedUntil?.getTime() ?? 0)) {
      entry.suppressed = 0;
      return;
    }
    const firing = [...entry.instances].filter(([, instance]) => instance.phase === 'firing');
    const phase = firing.length > 0 ? 'firing' : 'ok';
    const whole = entry.instances.get('');
    const since = whole?.since || null;
    out.push({ ...this.head(entry, '', at), from: phase, to: phase, reason: 'throttle_summary', since });
    if (whole && phase === 'firing') whole.told = true;
    this.quieten(entry, at);
  }

  private quieten(entry: NaiveRule, at: number): void {
    entry.suppressed = 0;
    entry.throttledUntil = at + entry.rule.throttleMinutes * 60_000;
  }

  private head(entry: NaiveRule, key: string, at: number) {
    entry.seq += 1;
    const { ruleId, version } = entry.rule;
    const { seq, suppressed } = entry;
    return { ruleId, ruleVersion: version, instanceKey: key, seq, suppressed, at, readings: [] as const };
  }

  private instance(entry: NaiveRule, key: string): Instance {
    const known = entry.instances.get(key);
    if (known) return known;
    const fresh: Instance = { phase: 'ok', since: 0, told: false, began: false, held: [], moment: [] };
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
