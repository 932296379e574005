import fc from 'fast-check';
import {
  checkRule,
  type Condition,
  type HistoryPoint,
  type MarketRow,
  type RuleDefinition,
  type Where,
} from '../../../src/alerts/core/index.js';

/** One step of a scenario for an evaluator. */
export type Step =
  | { readonly kind: 'row'; readonly row: MarketRow }
  | { readonly kind: 'add' | 'tune' | 'rewrite'; readonly rule: RuleDefinition }
  | { readonly kind: 'remove'; readonly ruleId: string }
  /** Observation of a row in the tables that caused no event. */
  | { readonly kind: 'observe'; readonly key: string; readonly at: number }
  | { readonly kind: 'restart' };

const START = 1_700_000_000_000;

const PROTOCOLS = ['aave', 'lido'];
const CHAINS = ['ethereum', 'bsc', 'staking', 'all'];
const TOKENS = ['bitcoin', 'ethereum'];
const RULE_IDS = ['r1', 'r2', 'r3'];

/** Few different numbers, so that values reach, pass and narrowly miss thresholds. */
const money = fc.integer({ min: 0, max: 12 });
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

const inequality = fc.constantFrom('gt' as const, 'gte' as const, 'lt' as const, 'lte' as const);
const change = {
  operator: fc.constant('change_pct' as const),
  threshold: fc.constantFrom(0.1, 0.25, 0.5, 1, -0.25),
  timeWindow: maybe(fc.constantFrom(60, 120)),
};
const ofProtocol = {
  protocol: maybe(fc.constantFrom(...PROTOCOLS)),
  chain: maybe(fc.constantFrom('ethereum', 'staking', '*')),
};
const filter = {
  categories: maybe(fc.constantFrom(['Lending'], ['dexs', 'LENDING'])),
  tags: maybe(fc.constantFrom(['a'], ['b', 'c'])),
  minTvl: maybe(fc.constantFrom(3, 6)),
};
const ofProtocols = { ...filter, chain: maybe(fc.constantFrom('ethereum', '*')) };
const ofToken = { token: maybe(fc.constantFrom(...TOKENS)) };
const absent = fc.record({ minutes: fc.constantFrom(1, 2) });
const level = {
  operator: fc.oneof(inequality, fc.constantFrom('eq' as const, 'eq' as const, 'ne' as const)),
  threshold: money,
};

const condition: fc.Arbitrary<Condition> = fc
  .oneof(
    { weight: 10, arbitrary: fc.record({ metric: fc.constant('tvl' as const), ...ofProtocol, ...level }) },
    { weight: 4, arbitrary: fc.record({ metric: fc.constant('tvl' as const), ...ofProtocol, ...change }) },
    {
      weight: 8,
      arbitrary: fc.record({ metric: fc.constantFrom('price' as const, 'volume_24h' as const), ...ofToken, ...level }),
    },
    { weight: 4, arbitrary: fc.record({ metric: fc.constant('price' as const), ...ofToken, ...change }) },
    {
      weight: 2,
      arbitrary: fc.record({ metric: fc.constant('tvl' as const), ...ofProtocol, absent }),
    },
    { weight: 1, arbitrary: fc.record({ metric: fc.constant('price' as const), ...ofToken, absent }) },
    { weight: 2, arbitrary: fc.record({ metric: fc.constant('tvl' as const), ...ofProtocols, ...level }) },
    { weight: 2, arbitrary: fc.record({ metric: fc.constant('tvl' as const), ...ofProtocols, ...change }) },
    { weight: 1, arbitrary: fc.record({ metric: fc.constant('tvl' as const), ...ofProtocols, absent }) },
    { weight: 1, arbitrary: fc.record({ metric: fc.constant('price' as const), tags: filter.tags, ...level }) },
    {
      weight: 1,
      arbitrary: fc.record({
        metric: fc.constant('change_1h' as const),
        token: fc.constantFrom(...TOKENS),
        operator: inequality,
        threshold: fc.constantFrom(0, 0.2, -0.2),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        metric: fc.constant('event' as const),
        eventType: fc.constantFrom('liquidation' as const, 'tvl_change' as const),
        protocol: maybe(fc.constantFrom(...PROTOCOLS)),
      }),
    },
  )
  .map((value) => JSON.parse(JSON.stringify(value)));

const where: fc.Arbitrary<Where> = fc.letrec<{ node: Where }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: condition },
    { weight: 1, arbitrary: fc.record({ and: fc.array(tie('node'), { minLength: 1, maxLength: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ or: fc.array(tie('node'), { minLength: 1, maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ not: tie('node') }) },
  ),
})).node;

const definition = fc
  .record({
    ruleId: fc.constantFrom(...RULE_IDS),
    conditions: fc.array(condition, { maxLength: 3 }),
    where: fc.option(where, { freq: 2 }),
    mode: fc.constantFrom('while_true' as const, 'while_true' as const, 'crossing' as const, 'once' as const),
    throttleMinutes: fc.constantFrom(0, 0, 0.5, 0.5, 1, 5),
    hysteresis: fc.constantFrom(0, 0, 0.1, 0.3),
    throttleScope: fc.constantFrom('subject' as const, 'rule' as const),
    forSeconds: fc.constantFrom(0, 0, 0, 10, 25),
    notifyResolved: fc.boolean(),
    snoozedSeconds: fc.constantFrom(0, 0, 0, 60, 200),
  })
  .filter((rule) => checkRule(rule).errors.length === 0);

const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ does: fc.constant('tvl' as const), of: fc.nat(), value: money }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant('price' as const), of: fc.nat(), value: money }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('liquidation' as const), of: fc.nat(), value: money }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant('tick' as const), of: fc.nat(), value: money }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('protocol_update' as const), of: fc.nat(), value: money }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('observe' as const), of: fc.nat(), value: money }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('restart' as const), of: fc.nat(), value: money }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('remove' as const), of: fc.nat(), value: money }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('tune' as const), of: fc.nat(), value: money }) },
  { weight: 3, arbitrary: definition },
);

interface Pace {
  readonly seconds: number;
  /** Time between the observation of a value and its row in the log. */
  readonly lag: number;
}

const pace: fc.Arbitrary<Pace> = fc.record({
  seconds: fc.constantFrom(0, 1, 3, 8, 20),
  lag: fc.constantFrom(0, 0, 0, 0, 1, 5, 40, 100),
});

/** Returns a sequence of rules and events; ids are added, edited and removed only in valid orders. */
export function scenarios(): fc.Arbitrary<Step[]> {
  return fc.array(fc.tuple(step, pace), { minLength: 15, maxLength: 90, size: 'max' }).map((raw) => {
    const held = new Map<string, RuleDefinition>();
    const categories = new Map<string, string>();
    let now = START;
    return raw.flatMap(([what, { seconds, lag }]): Step[] => {
      now += seconds * 1000;
      if (!('does' in what)) {
        const { snoozedSeconds, ...rule } = what;
        const previous = held.get(rule.ruleId);
        const snoozedUntil = snoozedSeconds > 0 ? new Date(now + snoozedSeconds * 1000) : null;
        const createdAt = previous?.createdAt ?? new Date(now);
        const next = { ...rule, snoozedUntil, createdAt, version: (previous?.version ?? 0) + 1 };
        if (previous && watched(previous) === watched(next)) return [];
        held.set(rule.ruleId, next);
        return [{ kind: previous ? 'rewrite' : 'add', rule: next }];
      }
      const ruleId = RULE_IDS[what.of % RULE_IDS.length] ?? '';
      const rule = held.get(ruleId);
      switch (what.does) {
        case 'observe': {
          const { protocol, chain, token } = rowOf(what.value % 2 === 0 ? 'tvl' : 'price', what.of, 0, now, now);
          return [{ kind: 'observe', key: tableKey(protocol, chain, token), at: now - lag * 1000 }];
        }
        case 'restart':
          return [{ kind: 'restart' }];
        case 'remove':
          return held.delete(ruleId) ? [{ kind: 'remove', ruleId }] : [];
        case 'tune': {
          if (!rule) return [];
          const snoozedUntil = what.value > 6 ? new Date(now + what.value * 10_000) : null;
          const throttleScope = what.value % 3 === 0 ? ('subject' as const) : ('rule' as const);
          const version = rule.version + 1;
          const tuned = { ...rule, version, throttleMinutes: what.value / 4, throttleScope, snoozedUntil };
          held.set(ruleId, tuned);
          return [{ kind: 'tune', rule: tuned }];
        }
        default: {
          const row = rowOf(what.does, what.of, what.value, now, now - lag * 1000);
          const protocol = row.protocol ?? '';
          if (what.does === 'protocol_update') categories.set(protocol, what.value % 2 === 0 ? 'Lending' : 'Dexs');
          const tags = ['a', 'b'].slice(0, what.of % 3);
          return [{ kind: 'row', row: { ...row, category: categories.get(protocol) ?? null, tags } }];
        }
      }
    });
  });
}

function watched({ conditions, where, mode, hysteresis, forSeconds }: RuleDefinition): string {
  return JSON.stringify([conditions, where, mode, hysteresis, forSeconds]);
}

function rowOf(does: string, of: number, value: number, loggedAt: number, observedAt: number): MarketRow {
  const nothing = {
    protocol: null,
    chain: null,
    token: null,
    previous: null,
    current: null,
    volume24h: null,
    marketCap: null,
  };
  const protocol = PROTOCOLS[of % PROTOCOLS.length] ?? '';
  const chain = CHAINS[(of >> 2) % CHAINS.length] ?? '';
  const token = TOKENS[of % TOKENS.length] ?? '';
  switch (does) {
    case 'tvl':
      return { ...nothing, type: 'tvl_change', protocol, chain, current: value, loggedAt, observedAt };
    case 'price': {
      const volume24h = of % 5 === 0 ? null : (value * 7) % 13;
      return {
        ...nothing,
        type: 'price_change',
        token,
        current: value,
        volume24h,
        marketCap: value * 2,
        loggedAt,
        observedAt,
      };
    }
    case 'protocol_update':
      return { ...nothing, type: 'protocol_update', protocol, loggedAt, observedAt };
    case 'liquidation':
      return {
        ...nothing,
        type: 'liquidation',
        protocol,
        chain: of % 3 === 0 ? 'ethereum' : null,
        token: of % 2 ? token : null,
        loggedAt,
        observedAt,
      };
    default:
      return { ...nothing, type: 'tick', loggedAt, observedAt: loggedAt };
  }
}

/** Returns the key of a row in the tables. */
export function tableKey(protocol: string | null, chain: string | null, token: string | null): string {
  return token === null ? `tvl ${protocol} ${chain}` : `price ${token}`;
}

/** Returns the history that the database would have after these steps: every published value, in log order. */
export function historyOf(steps: readonly Step[]): HistoryPoint[] {
  const categories = new Map<string | null, string | null | undefined>();
  for (const one of steps) if (one.kind === 'row') categories.set(one.row.protocol, one.row.category);
  return steps.flatMap((one) => {
    if (one.kind !== 'row' || one.row.current === null) return [];
    const {
      type,
      protocol,
      chain,
      token,
      current: value,
      volume24h,
      marketCap,
      loggedAt,
      observedAt: at,
      tags,
    } = one.row;
    return [
      {
        metric: type === 'tvl_change' ? ('tvl' as const) : ('price' as const),
        protocol,
        chain,
        token,
        value,
        volume24h,
        marketCap,
        at,
        loggedAt,
        category: categories.get(protocol),
        tags,
      },
    ];
  });
}
