import fc from 'fast-check';
import type { Observation, Point, Series, World } from './naive-rows.js';
import type { Row } from './naive-query.js';

export const MINUTE = 60_000;
const DAY = 86_400_000;
const DAYS = 3;
/** Monday of last week: end of one partition of raw values, and start of the next. */
export const MONDAY = Math.floor((Date.now() - 4 * DAY) / (7 * DAY)) * 7 * DAY + 4 * DAY - 7 * DAY;
/** Three days around that Monday: whole days, hours and their boundaries, and no current writes. */
export const FIRST_DAY = MONDAY - DAY;
/** End of the requested ranges, in minutes from the first day. */
export const LAST_MINUTE = 5 * 24 * 60;
/** Ages of values in minutes, none near an hour, a day or a week. */
const RECENT = [30, 90, 600, 2_000, 5_000];

/** Owner who sends the requests; events of other owners must never be returned. */
const OWNER = 'tester';
/** Position of the log up to which history is written; later rows are only in the log. */
export const WRITTEN_UP_TO = 1_000_000;

const CATEGORIES = ['Dexs', 'Lending', null];
const value = fc.integer({ min: 0, max: 8 });
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null, freq: 4 });
const moment = fc.integer({ min: 0, max: DAYS * 24 * 60 - 1 }).map((minute) => FIRST_DAY + minute * MINUTE);
/** Few moments that many observations and conditions use, so that they coincide. */
export const NOTED_MOMENTS = [0, 5, 24, 30, 48, 71].map((hour) => FIRST_DAY + hour * 60 * MINUTE);
const noted = fc.oneof(moment, fc.constantFrom(...NOTED_MOMENTS));

const observation: fc.Arbitrary<Observation> = fc.record({
  source: fc.constantFrom('node', 'api'),
  confidence: fc.constantFrom(0.5, 0.9, 1),
  tags: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 2 }),
  observed_at: noted.map(iso),
});

/**
 * Times at which values are written: a world without values only in the log, one with such values, and one aggregated at
 * its end.
 */
const ROUNDS = [
  [0, 1, 2],
  [0, 2, 3],
  [0, 0, 0],
  [3, 3, 2],
] as const;

/** Number of kinds of worlds, used in turn. */
const PLACES = ROUNDS.length;

/** Some points have equal times: the one with the higher position in the log corrects the other. */
const pointsOf = (rounds: readonly Point['round'][], now: number): fc.Arbitrary<Omit<Point, 'seq'>[]> =>
  fc
    .tuple(
      fc.array(fc.record({ at: moment, value, round: fc.constantFrom(...rounds) }), { maxLength: 40 }),
      fc.array(fc.constantFrom(0, 1, 2), { maxLength: 3 }),
      fc.array(fc.record({ minutes: fc.constantFrom(...RECENT), value }), { maxLength: rounds.includes(3) ? 0 : 3 }),
    )
    .map(([points, twice, recent]) => [
      ...points,
      ...twice.flatMap((place) => (points[place] ? [{ ...points[place], value: points[place].value + 1 }] : [])),
      ...recent.map(({ minutes, value: of }) => ({ at: now - minutes * MINUTE, value: of, round: 0 as const })),
    ]);

const seriesOf = (subjects: string[], chains: string[], rounds: readonly Point['round'][], now: number) =>
  fc.uniqueArray(
    fc.record({
      subject: fc.constantFrom(...subjects),
      chain: fc.constantFrom(...chains),
      current: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined, freq: 6 }),
      observation,
      points: pointsOf(rounds, now),
    }),
    { selector: ({ subject, chain }) => `${subject} ${chain}`, minLength: 4, maxLength: 14 },
  );

const protocolRow = (slug: string) =>
  fc.record({
    name: fc.constant(slug.toUpperCase()),
    category: fc.constantFrom(...CATEGORIES),
    symbol: maybe(fc.constant(slug.slice(0, 3))),
    chains: fc.uniqueArray(fc.constantFrom('ethereum', 'base', 'solana'), { maxLength: 3 }),
    url: maybe(fc.constant(`https://${slug}.example`)),
    updated_at: noted.map(iso),
  });
const tokenRow = fc.record({
  symbol: maybe(fc.constantFrom('BTC', 'ETH', 'eth')),
  chain: maybe(fc.constantFrom('ethereum', 'base')),
  volume_24h: maybe(value),
  market_cap: maybe(fc.integer({ min: 0, max: 3 })),
});

const eventRow = fc.record({
  event_type: fc.constantFrom(
    'tvl_change',
    'price_change',
    'protocol_update',
    'governance',
    'alert',
    'tick',
    'tvl_baseline',
  ),
  owner: fc.constantFrom(null, null, null, OWNER, 'somebody'),
  protocol: maybe(fc.constantFrom('aave', 'lido')),
  chain: maybe(fc.constantFrom('ethereum', 'base')),
  token: maybe(fc.constantFrom('bitcoin', 'dai')),
  name: maybe(fc.constantFrom('AAVE', 'LIDO')),
  category: fc.constantFrom(...CATEGORIES),
  symbol: maybe(fc.constantFrom('BTC', 'eth')),
  previous: maybe(fc.integer({ min: -4, max: 4 })),
  current: maybe(fc.integer({ min: -4, max: 8 })),
  moved: maybe(fc.constantFrom(0.01, 0.1, 0.5)),
  volume_24h: maybe(value),
  market_cap: maybe(value),
  source: fc.constantFrom('node', 'api'),
  confidence: fc.constantFrom(0.5, 0.9, 1),
  tags: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 2 }),
  observed_at: noted.map(iso),
  logged_at: noted.map(iso),
});
/** Row of the log, visible to any owner. */
type StoredEvent = Row & {
  seq: number;
  event_type: string;
  owner: string | null;
  previous: number | null;
  current: number | null;
  logged_at: string;
};

export interface StoredWorld extends World {
  /** All rows of the log, including those that the requester must not see. */
  readonly log: readonly StoredEvent[];
  /** Whether some values are only in the log. */
  readonly hasTail: boolean;
}

/** Values are close together and names are few, so that groups, ties and gaps occur. */
export function worlds(place: number): fc.Arbitrary<StoredWorld> {
  const rounds = ROUNDS[place % PLACES] ?? [0];
  const now = Date.now();
  return fc
    .record({
      tvl: seriesOf(['aave', 'lido', 'curve', 'maker'], ['ethereum', 'base', 'solana', 'all', 'staking'], rounds, now),
      prices: seriesOf(['bitcoin', 'dai', 'weth', 'base:0xab', 'lost'], [''], rounds, now),
      // The last of each is not described.
      protocols: fc.tuple(...['aave', 'lido', 'curve'].map(protocolRow)),
      tokens: fc.tuple(tokenRow, tokenRow, tokenRow, tokenRow),
      log: fc.array(eventRow, { maxLength: 60 }),
    })
    .map(({ tvl, prices, protocols, tokens, log }): StoredWorld => {
      const stored = log.map((row, index): StoredEvent => ({ ...row, seq: index + 1 }));
      let seq = 0;
      const inOrder = (all: typeof tvl): Series[] =>
        all.map((series) => {
          const points = series.points.map((point): Point => {
            seq += 1;
            return { ...point, seq: point.round * WRITTEN_UP_TO + seq };
          });
          return { ...series, points: points.sort((a, b) => a.at - b.at || a.seq - b.seq) };
        });
      const names = ['bitcoin', 'dai', 'weth', 'base:0xab'];
      const given = { tvl: inOrder(tvl), prices: inOrder(prices) };
      for (const [metric, all] of [
        ['tvl', given.tvl],
        ['price', given.prices],
      ] as const) {
        for (const series of all)
          stored.push(
            ...series.points.filter(({ round }) => round === 3).map((point) => published(metric, series, point, now)),
          );
      }
      // A token has a row if it currently has a price.
      const described = new Set(prices.flatMap(({ subject, current }) => (current === undefined ? [] : [subject])));
      return {
        now,
        ...given,
        protocols: new Map(['aave', 'lido', 'curve'].map((slug, index) => [slug, { ...protocols[index] }])),
        tokens: new Map(
          names.flatMap((name, index) => {
            const token = { ...tokens[index] };
            // The address contains the chain, even if the writer does not give one.
            if (name === 'base:0xab') token.chain ??= 'base';
            return described.has(name) ? [[name, token] as const] : [];
          }),
        ),
        events: stored.filter(isSeen).map(shown),
        log: stored,
        hasTail: rounds.includes(3 as never),
      };
    });
}

/** Returns a value in the form of the event that publishes it. */
function published(
  metric: 'tvl' | 'price',
  { subject, chain }: Series,
  { at, value: current, seq }: Point,
  now: number,
): StoredEvent {
  return {
    seq,
    event_type: `${metric}_change`,
    owner: null,
    ...(metric === 'tvl' ? { protocol: subject, chain } : { token: subject }),
    previous: null,
    current,
    source: 'node',
    confidence: 1,
    tags: [],
    observed_at: iso(at),
    logged_at: iso(now),
  };
}

function isSeen({ event_type: type, owner }: StoredEvent): boolean {
  return type !== 'tick' && type !== 'tvl_baseline' && (owner === null || owner === OWNER);
}

function shown({ owner: _owner, ...row }: StoredEvent): Row {
  const { previous, current } = row;
  const change =
    previous === null || current === null || previous === 0 ? null : (current - previous) / Math.abs(previous);
  return { ...row, change };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
