import type { HistoryPoint, MarketRow, RuleDefinition, ValueCondition } from '../../../src/alerts/core/index.js';
import { TOKENS, Zipf, randomFrom, type Random } from './alert-random.js';
import type { BenchKey, Universe } from './alert-universe.js';

/** Log time at which the events begin, Unix ms. */
export const START = 1_765_000_000_000;
/** The log runs at this pace, whatever the pace of evaluation. */
const EVENTS_PER_SECOND = 1_000;
const TICK_EVERY_MS = 10_000;
const WINDOWS = [300, 3_600, 86_400, 604_800];
const HISTORY_POINTS = 8;
/** Share of the events. */
const PRICES = 0.1;
/** Popularity of protocols among rules: the n-th has 1/n of the first's. */
const RULE_SKEW = 1;
/** Protocols with much TVL change somewhat more often. */
const EVENT_SKEW = 0.5;

/** Rules and events in the shape of real use; the same seed gives the same. */
export class AlertLoad {
  private readonly keys: BenchKey[];
  private readonly values: Float64Array;
  private readonly prices = TOKENS.map(([, price]) => price);
  private readonly popular: Zipf;
  private readonly busy: Zipf;
  private readonly eventRandom: Random;
  private events = 0;
  private now = START;
  private crashLeft: number[] = [];

  constructor(
    private readonly universe: Universe,
    private readonly crashAt: number,
  ) {
    this.keys = universe.protocols.flat();
    this.values = Float64Array.from(this.keys, ({ value }) => value);
    this.popular = new Zipf(universe.protocols.length, RULE_SKEW);
    this.busy = new Zipf(this.keys.length, EVENT_SKEW);
    this.eventRandom = randomFrom(11);
  }

  get keyCount(): number {
    return this.keys.length;
  }

  /** Last values and a week of history of every key. */
  *history(): Generator<HistoryPoint> {
    const random = randomFrom(3);
    for (let n = HISTORY_POINTS; n > 0; n -= 1) {
      const at = START - (n * 8 * 86_400_000) / HISTORY_POINTS;
      for (const { protocol, chain, value } of this.keys) {
        const drift = n === 1 ? 1 : 1 + (random() - 0.5) * 0.1;
        yield { metric: 'tvl', protocol, chain, token: null, value: value * drift, at };
      }
      for (const [token, price] of TOKENS)
        yield { metric: 'price', protocol: null, chain: null, token, value: price, at };
    }
  }

  /**
   * 60 % gt/lt, 20 % change_pct over four windows, 10 % two or three keys, 5 % wildcards, 5 % eq; hysteresis on half. One
   * threshold in eight is already passed. The same number gives the same rule.
   */
  rule(n: number): RuleDefinition {
    const random = randomFrom(Math.imul(n, 0x9e3779b1));
    const kind = random();
    return {
      // Through a buffer: one flat string, as it comes from a database, and not a tree of its parts.
      ruleId: Buffer.from(`00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`).toString('latin1'),
      version: 1,
      conditions: this.conditions(kind, random),
      mode: 'while_true',
      throttleMinutes: 5,
      hysteresis: random() < 0.5 ? 0.01 + 0.04 * random() : 0,
      forSeconds: 0,
      notifyResolved: false,
    };
  }

  /** The next rows of the log: random walks of 1 to 3 %, a tick every 10 s, and once everything falls by 30 %. */
  rows(count: number): MarketRow[] {
    const rows: MarketRow[] = [];
    while (rows.length < count) {
      this.now += 1_000 / EVENTS_PER_SECOND;
      if (this.now % TICK_EVERY_MS === 0) rows.push(tickRow(this.now));
      if (this.events === this.crashAt) this.crashLeft = this.keys.map((_, index) => index);
      this.events += 1;
      const crashing = this.crashLeft.pop();
      if (crashing !== undefined) rows.push(this.tvlRow(crashing, 0.7));
      else if (this.eventRandom() < PRICES) rows.push(this.priceRow(Math.floor(this.eventRandom() * TOKENS.length)));
      else rows.push(this.tvlRow(this.busy.pick(this.eventRandom())));
    }
    return rows;
  }

  private conditions(kind: number, random: Random): ValueCondition[] {
    if (kind < 0.6) return [this.inequality(random)];
    if (kind < 0.8) return [{ ...this.subject(random), ...change(random) }];
    if (kind < 0.9) return Array.from({ length: random() < 0.7 ? 2 : 3 }, () => this.inequality(random));
    if (kind < 0.95) return [this.wildcard(random)];
    const key = this.pick(random);
    return [{ metric: 'tvl', ...named(key), operator: 'eq', threshold: key.value * (1 + (random() - 0.5) * 0.6) }];
  }

  private inequality(random: Random): ValueCondition {
    const isPrice = random() < 0.1;
    const [token, price] = TOKENS[Math.floor(random() * TOKENS.length)] ?? ['', 0];
    const key = this.pick(random);
    const isAbove = random() < 0.5;
    const isPassed = random() < 0.125;
    const distance = 0.02 + 0.6 * random();
    const factor = isAbove === isPassed ? 1 / (1 + distance) : 1 + distance;
    const compare = { operator: isAbove ? ('gt' as const) : ('lt' as const) };
    return isPrice
      ? { metric: 'price', token, ...compare, threshold: price * factor }
      : { metric: 'tvl', ...named(key), ...compare, threshold: key.value * factor };
  }

  /** Each chain of a protocol, any protocol's change, any protocol's or token's level. */
  private wildcard(random: Random): ValueCondition {
    const kind = random();
    if (kind < 0.6) {
      const { protocol, value } = this.pick(random);
      return { metric: 'tvl', protocol, chain: '*', operator: 'lt', threshold: value * 0.001 * random() };
    }
    if (kind < 0.8) return { ...change(random), threshold: 0.5 + 0.5 * random(), direction: 'up' };
    return { metric: 'tvl', operator: 'gt', threshold: 2e10 * (1 + random()) };
  }

  private subject(random: Random): Pick<ValueCondition, 'protocol' | 'chain'> {
    return named(this.pick(random));
  }

  private pick(random: Random): BenchKey {
    const chains = this.universe.protocols[this.popular.pick(random())] ?? [];
    const key = chains[Math.floor(random() * chains.length)];
    if (!key) throw new Error('a protocol without chains');
    return key;
  }

  private tvlRow(index: number, factor?: number): MarketRow {
    const { protocol = '', chain = '', value = 1 } = this.keys[index] ?? {};
    const previous = this.values[index] ?? 0;
    const current = previous * (factor ?? this.step(previous / value, 0.01));
    this.values[index] = current;
    return {
      ...NOTHING,
      type: 'tvl_change',
      protocol,
      chain,
      previous,
      current,
      observedAt: this.now,
      loggedAt: this.now,
    };
  }

  private priceRow(index: number): MarketRow {
    const [token = '', price = 1] = TOKENS[index] ?? [];
    const previous = this.prices[index] ?? 0;
    const current = previous * this.step(previous / price, 0.001);
    this.prices[index] = current;
    return { ...NOTHING, type: 'price_change', token, previous, current, observedAt: this.now, loggedAt: this.now };
  }

  /** One to three times the dead band, rather back to where it began: thresholds are passed again and again. */
  private step(away: number, deadBand: number): number {
    const size = deadBand * (1 + 2 * this.eventRandom());
    return this.eventRandom() < (away > 1 ? 0.4 : 0.6) ? 1 + size : 1 - size;
  }
}

const NOTHING = {
  protocol: null,
  chain: null,
  token: null,
  previous: null,
  current: null,
  volume24h: null,
  marketCap: null,
};

function tickRow(at: number): MarketRow {
  return { ...NOTHING, type: 'tick', observedAt: at, loggedAt: at };
}

function named({ protocol, chain }: BenchKey): { protocol: string; chain: string } {
  return { protocol, chain };
}

function change(random: Random): Pick<ValueCondition, 'metric' | 'operator' | 'threshold' | 'timeWindow'> {
  const timeWindow = WINDOWS[Math.floor(random() * WINDOWS.length)];
  const threshold = (random() < 0.3 ? 1 : -1) * (0.05 + 0.35 * random());
  return { metric: 'tvl', operator: 'change_pct', threshold, timeWindow };
}
