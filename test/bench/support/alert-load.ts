import type { HistoryPoint, MarketRow, RuleDefinition, ValueCondition } from '../../../src/alerts/core/index.js';
import { TOKENS, Zipf, randomFrom, type Random } from './alert-random.js';
import type { BenchKey, Universe } from './alert-universe.js';

/** Log time at which the events begin, Unix ms. */
export const START = 1_765_000_000_000;
/** Events per second of log time, regardless of the speed of the evaluation. */
const EVENTS_PER_SECOND = 1_000;
const TICK_EVERY_MS = 10_000;
const WINDOWS = [300, 3_600, 86_400, 604_800];
const HISTORY_POINTS = 8;
/** Share of events that are prices. */
const PRICES = 0.1;
/** Popularity of protocols among rules: the n-th protocol has 1/n of the first one's share. */
const RULE_SKEW = 1;
/** Protocols with a large TVL change a little more often. */
const EVENT_SKEW = 0.5;

/** Rules and events like those in production; equal seeds give equal rules and events. */
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

  /** Yields the last values and a week of history of every key. */
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
   * Returns rule `n`: 60 % gt/lt, 20 % change_pct over four windows, 10 % two or three keys, 5 % wildcards, 5 % eq; half
   * of them with hysteresis. One threshold in eight has already been passed. Equal numbers give equal rules.
   */
  rule(n: number): RuleDefinition {
    const random = randomFrom(Math.imul(n, 0x9e3779b1));
    const kind = random();
    return {
      // Through a buffer, so that the id is a flat string, as from a database, and not a rope of its parts.
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

  /**
   * Returns the next rows of the log: random walks of 1 to 3 %, a tick every 10 s, and once a fall of all values by 30 %.
   */
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

  /**
   * Returns a wildcard condition: each chain of a protocol, the change of any protocol, or the level of any protocol or
   * token.
   */
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

  /**
   * Returns a factor of one to three times the dead band, more often towards the start than from it, so that thresholds
   * are passed repeatedly.
   */
  private step(distance: number, deadBand: number): number {
    const size = deadBand * (1 + 2 * this.eventRandom());
    return this.eventRandom() < (distance > 1 ? 0.4 : 0.6) ? 1 + size : 1 - size;
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
