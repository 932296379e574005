import { EVENT_TYPES, isRealChain } from '../../../src/events/index.js';
import {
  isAbsent,
  type AbsentCondition,
  type Condition,
  type MarketRow,
  type RuleDefinition,
} from '../../../src/alerts/core/index.js';
import { changeOf, variables } from './naive-alert-rule.js';

interface Sample {
  readonly at: number;
  readonly value: number | null;
  /** Whether the value was observed long before it was logged. */
  readonly isStale: boolean;
}

export type Subject = { protocol?: string; chain?: string; token?: string };

const MEASURES = { change_1h: 3600, change_24h: 86_400, change_7d: 604_800 } as const;

/** All values that were ever logged, in log order. */
export class NaiveMarket {
  clock = 0;
  private readonly series = new Map<string, Sample[]>();
  /** Categories by protocol, and tags by series. */
  private readonly categories = new Map<string, string | null>();
  private readonly tags = new Map<string, readonly string[]>();
  /** Larger of a protocol's totals before and after its last change. */
  private readonly sizes = new Map<string, number>();
  /** Time of the last observation of each series, from rows of the log or look-ups in the tables. */
  private readonly seen = new Map<string, number>();

  constructor(private readonly staleAfterMs: number) {}

  /** Records the row; returns the series that it concerns. */
  record(row: MarketRow): Set<string> {
    const touched = new Set<string>();
    const isStale = row.loggedAt - row.observedAt > this.staleAfterMs;
    const note = (key: string, value: number | null): void => {
      touched.add(key);
      this.see(key, row.observedAt);
      this.series.set(key, [...(this.series.get(key) ?? []), { at: row.observedAt, value, isStale }]);
    };
    if (row.category !== undefined && row.protocol !== null) this.categories.set(row.protocol, row.category);
    if (row.type === 'tick') this.clock = row.loggedAt;
    else if (row.type.startsWith('tvl_')) {
      const sum = (): number | undefined => {
        const values = this.parts(row.protocol).flatMap((key) => this.series.get(key)?.at(-1)?.value ?? []);
        return values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);
      };
      this.tags.set(`tvl ${row.protocol} ${row.chain}`, row.tags ?? []);
      const whole = sum();
      const before = this.realChains(row.protocol);
      note(`tvl ${row.protocol} ${row.chain}`, row.current);
      const real = this.realChains(row.protocol);
      // The first sum of chains is not a change of the total that the source gave before.
      if (real.length > 0 && before.length === 0) {
        note(`tvl ${row.protocol} `, null);
        this.seen.delete(`tvl ${row.protocol} `);
      }
      const parts = this.parts(row.protocol);
      if (parts.includes(`tvl ${row.protocol} ${row.chain}`)) {
        this.sizes.set(
          row.protocol ?? '',
          Math.max(before.length === 0 && real.length > 0 ? 0 : (whole ?? 0), sum() ?? 0),
        );
        note(
          `tvl ${row.protocol} `,
          parts.reduce((sum, key) => sum + (this.series.get(key)?.at(-1)?.value ?? 0), 0),
        );
      }
    } else if (row.type.startsWith('price_')) {
      for (const measure of ['price', 'volume_24h', 'market_cap'])
        this.tags.set(`${measure} ${row.token}`, row.tags ?? []);
      note(`price ${row.token}`, row.current);
      const member = (key: string, value: number | null): void => {
        const before = this.series.get(key)?.at(-1);
        if (value !== null || !before || row.observedAt - before.at > this.staleAfterMs) note(key, value);
      };
      member(`volume_24h ${row.token}`, row.volume24h);
      member(`market_cap ${row.token}`, row.marketCap);
    }
    return touched;
  }

  /** Returns the series that make up the total of a protocol. */
  private parts(protocol: string | null): string[] {
    const real = this.realChains(protocol);
    return real.length > 0 ? real : [`tvl ${protocol} all`];
  }

  private realChains(protocol: string | null): string[] {
    const chains = [...this.series.keys()].filter((key) => key.startsWith(`tvl ${protocol} `)).sort();
    return chains.filter((key) => isRealChain(key.split(' ')[2] ?? '') && !key.endsWith(' '));
  }

  /** Returns the value that the condition compares for the subject; undefined if missing. */
  valueOf(rule: RuleDefinition, condition: Condition, subject: Subject): number | undefined {
    if (condition.metric === 'event') return undefined;
    if (isAbsent(condition)) return this.absence(rule, condition, subject);
    const samples = this.series.get(seriesKey(rule, condition, subject)) ?? [];
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

  /** Whether the condition is about one series: named by the condition, or of the subject if that ever had a value. */
  isNamed(rule: RuleDefinition, condition: Condition, subject: Subject): boolean {
    const key = seriesKey(rule, condition, subject);
    return key === seriesKey(rule, condition, {}) ? !key.includes('undefined') : this.series.has(key);
  }

  /** Whether the filter of a wildcard permits the condition to hold, given whether it held before. */
  lets(rule: RuleDefinition, condition: Condition, subject: Subject, held: boolean): boolean {
    if (condition.metric === 'event') return true;
    const { categories, tags, minTvl } = condition;
    const key = seriesKey(rule, condition, subject);
    const protocol = subject.protocol ?? '';
    const category = this.categories.get(protocol)?.toLowerCase();
    if (categories && !categories.some((one) => one.toLowerCase() === category)) return false;
    const rows = [...this.tags].filter(([row]) => row === key || (key.endsWith(' ') && row.startsWith(key)));
    if (tags && !rows.some(([, given]) => given.some((tag) => tags.includes(tag)))) return false;
    return held || minTvl === undefined || (this.sizes.get(protocol) ?? -1) >= minTvl;
  }

  /**
   * Returns the minutes since the last observation; infinite for a subject that was never observed, once its rule has
   * waited long enough.
   */
  private absence(rule: RuleDefinition, condition: AbsentCondition, subject: Subject): number | undefined {
    const key = seriesKey(rule, condition, subject);
    const seen = this.seen.get(key);
    if (seen !== undefined) return Math.max(0, (this.clock - seen) / 60_000);
    const waited = (this.clock - (rule.createdAt?.getTime() ?? 0)) / 60_000;
    return this.isNamed(rule, condition, {}) && waited >= condition.absent.minutes ? Infinity : undefined;
  }

  refreshAll(table: ReadonlyMap<string, number>): void {
    for (const [key, at] of table) {
      if (!this.seen.has(key)) continue;
      this.see(key, at);
      const [metric, protocol = ''] = key.split(' ');
      if (metric === 'tvl' && this.parts(protocol).includes(key)) this.see(`tvl ${protocol} `, at);
    }
  }

  /** Looks up observations in the tables, as a new rule does, for subjects that it would count as absent. */
  refresh(
    rule: RuleDefinition,
    condition: AbsentCondition,
    subject: Subject,
    table: ReadonlyMap<string, number>,
  ): void {
    const key = seriesKey(rule, condition, subject);
    const seen = this.seen.get(key);
    if (seen === undefined || (this.clock - seen) / 60_000 < condition.absent.minutes) return;
    const isTotal = key.startsWith('tvl ') && key.endsWith(' ');
    this.refreshAll(new Map([...table].filter(([other]) => (isTotal ? other.startsWith(key) : other === key))));
  }

  private see(key: string, at: number): void {
    this.seen.set(key, Math.max(this.seen.get(key) ?? 0, at));
  }

  /** Whether the value that the condition compares was too old when it was logged. */
  isStale(rule: RuleDefinition, condition: Condition, subject: Subject): boolean {
    if (isAbsent(condition)) return false;
    return this.series.get(seriesKey(rule, condition, subject))?.at(-1)?.isStale ?? false;
  }

  /** Returns every subject that a rule may be about, by instance key. */
  subjects(rule: RuleDefinition, row: MarketRow | undefined): Map<string, Subject> {
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

/** Returns the key of the series that a condition compares for the subject. */
export function seriesKey(rule: RuleDefinition, condition: Condition, subject: Subject): string {
  if (condition.metric === 'event') return '';
  const measure = condition.metric.startsWith('change_') ? changeOf(rule, condition) : condition.metric;
  if (measure !== 'tvl') return `${measure} ${condition.token ?? subject.token}`;
  const chain = condition.chain === '*' ? subject.chain : (condition.chain ?? '');
  return `tvl ${condition.protocol ?? subject.protocol} ${chain}`;
}
