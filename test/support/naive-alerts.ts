import { EVENT_TYPES, isRealChain } from '../../src/events/index.js';
import type { Condition, MarketRow, RuleDefinition, Transition } from '../../src/alerts/core/index.js';
import { changeOf, holds, isTrue, leavesOf, variables } from './naive-alert-rule.js';

interface Sample {
  readonly at: number;
  readonly value: number | null;
}

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

type Subject = { protocol?: string; chain?: string; token?: string };
export type ToldTransition = Omit<Transition, 'readings'>;

const MEASURES = { change_1h: 3600, change_24h: 86_400, change_7d: 604_800 } as const;

/**
 * The alert evaluator as one would write it down: every row of the log, every rule, every subject, every condition is
 * looked at, and every value is looked up in the full history. Slow, and right by inspection.
 */
export class NaiveAlerts {
  readonly rules = new Map<string, NaiveRule>();
  private readonly series = new Map<string, Sample[]>();
  private clock = 0;

  constructor(
    private readonly deadBand: { tvl: number; price: number },
    private readonly staleAfterMs: number,
  ) {}

  add(rule: RuleDefinition, seq = 0): void {
    const entry: NaiveRule = { rule, seq, throttledUntil: 0, suppressed: 0, spent: false, instances: new Map() };
    this.rules.set(rule.ruleId, entry);
    for (const [key, subject] of [['', {}] as const, ...this.subjects(rule, undefined)]) {
      const instance = this.instance(entry, key);
      instance.held = leavesOf(rule).map(({ condition, negated }) => {
        const value = this.valueOf(rule, condition, subject);
        return value !== undefined && holds({ rule, condition, negated }, value, false, this.deadBand);
      });
      if (!isTrue(rule, instance.held) || (key === '') !== (variables(rule).size === 0)) continue;
      instance.phase = rule.forSeconds > 0 ? 'pending' : 'firing';
      instance.since = this.clock;
    }
  }

  /** The same conditions, told differently. */
  tune(rule: RuleDefinition): void {
    const entry = this.rules.get(rule.ruleId);
    if (entry) entry.rule = rule;
  }

  rewrite(rule: RuleDefinition): void {
    this.add(rule, this.rules.get(rule.ruleId)?.seq);
  }

  remove(ruleId: string): void {
    this.rules.delete(ruleId);
  }

  apply(row: MarketRow): ToldTransition[] {
    const out: ToldTransition[] = [];
    const before = [...this.rules.values()].map((entry) => this.valuesOf(entry.rule, row));
    const touched = this.record(row);
    for (const [index, entry] of [...this.rules.values()].entries()) {
      const { rule } = entry;
      const subjects = this.subjects(rule, row);
      const matching = new Set<string>();
      const shared = this.instance(entry, '');
      for (const [key, subject] of [['', {}] as const, ...subjects]) {
        const instance = this.instance(entry, key);
        instance.began = false;
        instance.moment = leavesOf(rule).map(({ condition, negated }, leaf) => {
          instance.held[leaf] ??= false;
          if (condition.metric === 'event') return this.isAbout(rule, condition, subject, row);
          const isShared = this.seriesKey(rule, condition, {}) === this.seriesKey(rule, condition, subject);
          if (key === '' && !isShared) return false;
          if (key !== '' && isShared) instance.held[leaf] = shared.held[leaf] ?? false;
          const previously = before[index]?.get(key)?.[leaf];
          const value = this.valueOf(rule, condition, subject);
          if (key === '' || !isShared) {
            instance.held[leaf] =
              value !== undefined && holds({ rule, condition, negated }, value, held, this.deadBand);
          }
          if (touched.has(this.seriesKey(rule, condition, subject))) matching.add(key);
          if (condition.operator !== 'eq' || negated || previously === undefined || value === undefined) return false;
          return (previously - condition.threshold) * (value - condition.threshold) < 0;
        });
        if (instance.moment.some(Boolean)) matching.add(key);
      }
      const keys = [...subjects.keys()].sort();
      for (const key of keys) this.judge(entry, key, row, matching.has(key), out);
      for (const key of keys) this.judgeAfterMoment(entry, key, row, out);
      if (row.type === 'tick') this.summarise(entry, row.loggedAt, out);
    }
    return out;
  }

  private judge(entry: NaiveRule, key: string, row: MarketRow, isMatching: boolean, out: ToldTransition[]): void {
    const { rule } = entry;
    const instance = this.instance(entry, key);
    const at = row.loggedAt;
    const isTick = row.type === 'tick';
    const mayTell =
      !entry.spent && at >= (rule.snoozedUntil?.getTime() ?? 0) && (isTick || at - row.observedAt <= this.staleAfterMs);
    const isHeld = isTrue(
      rule,
      instance.held.map((held, leaf) => held || instance.moment[leaf] === true),
    );
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
      const { suppressed: _, ...head } = this.head(entry, key, at);
      out.push({ ...head, suppressed: 0, from: 'firing', to: 'ok', reason: 'resolved', since });
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
    return { ruleId, ruleVersion: version, instanceKey: key, seq: entry.seq, suppressed: entry.suppressed, at };
  }

  private instance(entry: NaiveRule, key: string): Instance {
    const known = entry.instances.get(key);
    if (known) return known;
    const fresh: Instance = { phase: 'ok', since: 0, told: false, began: false, held: [], moment: [] };
    entry.instances.set(key, fresh);
    return fresh;
  }

  /** Writes the row down; gives the series it belongs to. */
  private record(row: MarketRow): Set<string> {
    const touched = new Set<string>();
    const note = (key: string, value: number | null): void => {
      touched.add(key);
      this.series.set(key, [...(this.series.get(key) ?? []), { at: row.observedAt, value }]);
    };
    if (row.type === 'tick') this.clock = row.loggedAt;
    else if (row.type.startsWith('tvl_')) {
      note(`tvl ${row.protocol} ${row.chain}`, row.current);
      const chains = [...this.series.keys()].filter((key) => key.startsWith(`tvl ${row.protocol} `)).sort();
      const real = chains.filter((key) => isRealChain(key.split(' ')[2] ?? '') && !key.endsWith(' '));
      const parts = real.length > 0 ? real : [`tvl ${row.protocol} all`];
      if (parts.includes(`tvl ${row.protocol} ${row.chain}`)) {
        note(
          `tvl ${row.protocol} `,
          parts.reduce((sum, key) => sum + (this.series.get(key)?.at(-1)?.value ?? 0), 0),
        );
      }
    } else if (row.type.startsWith('price_')) {
      note(`price ${row.token}`, row.current);
      note(`volume_24h ${row.token}`, row.volume24h);
      note(`market_cap ${row.token}`, row.marketCap);
    }
    return touched;
  }

  private valuesOf(rule: RuleDefinition, row: MarketRow): Map<string, (number | undefined)[]> {
    return new Map(
      [...this.subjects(rule, row)].map(([key, subject]) => [
        key,
        leavesOf(rule).map(({ condition }) => this.valueOf(rule, condition, subject)),
      ]),
    );
  }

  /** What the condition compares, of the subject; undefined when missing. */
  private valueOf(rule: RuleDefinition, condition: Condition, subject: Subject): number | undefined {
    if (condition.metric === 'event') return undefined;
    const samples = this.series.get(this.seriesKey(rule, condition, subject)) ?? [];
    const current = samples.at(-1)?.value ?? undefined;
    const window =
      condition.metric in MEASURES ? MEASURES[condition.metric as keyof typeof MEASURES] : condition.timeWindow;
    if (condition.operator !== 'change_pct' && !(condition.metric in MEASURES)) return current;
    let reference: number | null | undefined = samples.at(-2)?.value;
    if (window !== undefined) {
      const earlier = samples.filter((sample) => sample.at <= this.clock - window * 1000);
      const newest = Math.max(...earlier.map((sample) => sample.at));
      reference = earlier.filter((sample) => sample.at === newest).at(-1)?.value;
    }
    if (current === undefined || typeof reference !== 'number' || reference === 0) return undefined;
    return (current - reference) / Math.abs(reference);
  }

  private seriesKey(rule: RuleDefinition, condition: Condition, subject: Subject): string {
    if (condition.metric === 'event') return '';
    const measure = condition.metric.startsWith('change_') ? changeOf(rule, condition) : condition.metric;
    if (measure !== 'tvl') return `${measure} ${condition.token ?? subject.token}`;
    const chain = condition.chain === '*' ? subject.chain : (condition.chain ?? '');
    return `tvl ${condition.protocol ?? subject.protocol} ${chain}`;
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

  /** Every subject a rule may be about, by the name of its instance. */
  private subjects(rule: RuleDefinition, row: MarketRow | undefined): Map<string, Subject> {
    const free = variables(rule);
    if (free.size === 0) return new Map([['', {}]]);
    const names = [...this.series.keys()].map((key) => key.split(' '));
    const delivered = row && (EVENT_TYPES as readonly string[]).includes(row.type);
    const of = (name: 'protocol' | 'chain' | 'token', seen: (string | undefined)[]): (string | undefined)[] => {
      if (!free.has(name)) return [undefined];
      const known = delivered ? (row[name] ?? undefined) : undefined;
      const fromRow = name === 'chain' && known && !isRealChain(known) ? undefined : known;
      return [...new Set([...seen, fromRow].filter((value) => value !== undefined))];
    };
    const tvl = names.filter(([measure]) => measure === 'tvl');
    const protocols = of(
      'protocol',
      tvl.map(([, protocol]) => protocol),
    );
    const chains = of(
      'chain',
      tvl.map(([, , chain]) => chain).filter((chain) => chain && isRealChain(chain)),
    );
    const tokens = of(
      'token',
      names.filter(([measure]) => measure !== 'tvl').map(([, token]) => token),
    );
    const subjects = new Map<string, Subject>();
    for (const protocol of protocols) {
      for (const chain of chains) {
        for (const token of tokens) {
          const subject = { protocol, chain, token };
          const parts = Object.entries(subject).filter(([, value]) => value !== undefined);
          subjects.set(parts.map(([name, value]) => `${name}=${value}`).join(','), subject);
        }
      }
    }
    return subjects;
  }
}
