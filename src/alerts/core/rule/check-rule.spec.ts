import { describe, expect, it } from 'vitest';
import { checkRule } from './check-rule.js';
import { parseConditions } from './parse-conditions.js';
import type { Condition, RuleDefinition, Where } from './rule.js';

const base = { mode: 'while_true', throttleMinutes: 5, hysteresis: 0, forSeconds: 0, notifyResolved: false } as const;

function check(conditions: Condition[], extra: Partial<RuleDefinition> = {}) {
  const { errors, warnings } = checkRule({ ...base, conditions, ...extra });
  const short = (findings: typeof errors): string[] => findings.map(({ pointer, code }) => `${pointer} ${code}`);
  return { errors: short(errors), warnings: short(warnings) };
}

const tvl = { protocol: 'aave-v3', metric: 'tvl' } as const;
const price = { token: 'bitcoin', metric: 'price' } as const;

describe('the validation of a rule', () => {
  it('accepts the example rule of the specification', () => {
    const rule = { ...tvl, protocol: 'uniswap-v3', operator: 'change_pct', threshold: 0.1, timeWindow: 3600 } as const;
    expect(check([rule])).toEqual({ errors: [], warnings: [] });
  });

  it.each<[string, Condition[], Partial<RuleDefinition>, string[]]>([
    ['a rule without conditions', [], {}, ['/conditions required']],
    ['a TVL below zero', [{ ...tvl, operator: 'lt', threshold: 0 }], {}, ['/conditions/0 never_true']],
    [
      'a fall by more than 100 %',
      [{ ...tvl, operator: 'change_pct', threshold: -1.5 }],
      {},
      ['/conditions/0 never_true'],
    ],
    [
      'a value above and below the same threshold',
      [
        { ...tvl, operator: 'gt', threshold: 10 },
        { ...tvl, operator: 'lte', threshold: 10 },
      ],
      {},
      ['/conditions/1 contradictory'],
    ],
    [
      'two event types at the same time',
      [
        { metric: 'event', eventType: 'liquidation' },
        { metric: 'event', eventType: 'governance' },
      ],
      {},
      ['/conditions/1 contradictory'],
    ],
    [
      'a token for an event type without tokens',
      [{ metric: 'event', eventType: 'tvl_change', token: 'bitcoin' }],
      {},
      ['/conditions/0/token not_applicable'],
    ],
    [
      'a chain for an event type without chains',
      [{ metric: 'event', eventType: 'protocol_update', chain: 'ethereum' }],
      {},
      ['/conditions/0/chain not_applicable'],
    ],
    [
      'any protocol together with an event type without protocols',
      [
        { metric: 'tvl', operator: 'gt', threshold: 1 },
        { metric: 'event', eventType: 'price_change' },
      ],
      {},
      ['/conditions/1 not_joinable'],
    ],
    [
      '`forSeconds` for an event',
      [{ metric: 'event', eventType: 'liquidation' }],
      { forSeconds: 10 },
      ['/forSeconds never_true'],
    ],
    [
      'any protocol together with any token',
      [
        { metric: 'tvl', operator: 'gt', threshold: 1 },
        { metric: 'price', operator: 'gt', threshold: 1 },
      ],
      {},
      ['/conditions/0 not_joinable', '/conditions/1 not_joinable'],
    ],
    [
      'a protocol for a price condition',
      [{ ...price, protocol: 'x', operator: 'gt', threshold: 1 }],
      {},
      ['/conditions/0/protocol not_applicable'],
    ],
    [
      '`timeWindow` for an operator without a change',
      [{ ...tvl, operator: 'gt', threshold: 1, timeWindow: 60 }],
      {},
      ['/conditions/0/timeWindow not_applicable'],
    ],
    [
      'a `timeWindow` below 60 seconds',
      [{ ...tvl, operator: 'change_pct', threshold: 1, timeWindow: 59 }],
      {},
      ['/conditions/0/timeWindow out_of_range'],
    ],
    [
      'a negative change with direction `up`',
      [{ ...tvl, operator: 'change_pct', threshold: -0.1, direction: 'up' }],
      {},
      ['/conditions/0/direction contradictory'],
    ],
    [
      'a change operator for a volume',
      [{ token: 'x', metric: 'volume_24h', operator: 'change_pct', threshold: 0.1 }],
      {},
      ['/conditions/0/operator not_applicable'],
    ],
    [
      'a hysteresis above 100 %',
      [{ ...tvl, operator: 'gt', threshold: 1 }],
      { hysteresis: 1.1 },
      ['/hysteresis out_of_range'],
    ],
  ])('refuses %s', (_name, conditions, extra, errors) => {
    expect(check(conditions, extra).errors).toEqual(errors);
  });

  it('refuses an `or` between a condition on any protocol and a condition on one token', () => {
    const where: Where = {
      or: [
        { metric: 'tvl', operator: 'gt', threshold: 1 },
        { ...price, operator: 'gt', threshold: 1 },
      ],
    };
    expect(check([], { where }).errors).toEqual(['/where not_joinable']);
  });

  it('refuses `not` of an event, empty lists and trees nested too deeply', () => {
    const event: Where = { metric: 'event', eventType: 'liquidation' };
    expect(check([], { where: { not: event } }).errors).toContain('/where/not not_applicable');
    expect(check([{ ...tvl, operator: 'gt', threshold: 1 }], { where: { and: [{ or: [] }] } }).errors).toEqual([
      '/where/and/0/or required',
    ]);
    expect(check([], { where: { not: { not: { not: { not: event } } } } }).errors).toContain('/where too_deep');
  });

  it('warns of an impossible `or` branch and a too small threshold', () => {
    const dead: Where = {
      or: [
        { ...tvl, operator: 'lt', threshold: 0 },
        { ...tvl, operator: 'gt', threshold: 5 },
      ],
    };
    expect(check([], { where: dead })).toEqual({ errors: [], warnings: ['/where/or/0 never_true'] });
    expect(check([{ ...tvl, operator: 'change_pct', threshold: 0.005 }]).warnings).toEqual([
      '/conditions/0/threshold finer_than_dead_band',
    ]);
    expect(check([{ ...price, operator: 'change_pct', threshold: 0.005 }]).warnings).toEqual([]);
    expect(check([{ ...tvl, operator: 'gt', threshold: 5 }], { hysteresis: 0.005 }).warnings).toEqual([
      '/hysteresis finer_than_dead_band',
    ]);
    expect(check([{ metric: 'points', operator: 'gt', threshold: 5 }]).warnings).toEqual([]);
  });
});

describe('the check for impossible conditions', () => {
  const change = { ...tvl, operator: 'change_pct', timeWindow: 300 } as const;

  it.each<[string, Condition[], Partial<RuleDefinition>]>([
    ['two different values at once', [5, 10].map((threshold) => ({ ...tvl, operator: 'eq' as const, threshold })), {}],
    [
      'a condition and its opposite',
      [{ ...tvl, operator: 'gt', threshold: 5 }],
      { where: { not: { ...tvl, operator: 'gt', threshold: 5 } } },
    ],
    ['a change of -100, which means -10000 %', [{ ...change, threshold: -100 }], {}],
    ['a fall by 500 %', [{ ...change, threshold: 5, direction: 'down' as const }], {}],
    [
      'a rise and a fall in the same window',
      (['up', 'down'] as const).map((direction) => ({ ...change, threshold: 0.1, direction })),
      {},
    ],
    [
      'a rise and a fall in the same 24 hours in different notations',
      [
        { ...tvl, metric: 'change_24h', operator: 'gt', threshold: 0.1 },
        { ...change, threshold: 0.1, direction: 'down' as const, timeWindow: 86_400 },
      ],
      {},
    ],
    ['a price below zero', [{ ...price, operator: 'eq', threshold: -5 }], {}],
  ])('refuses %s', (_name, conditions, extra) => {
    expect(check(conditions, extra).errors.join()).toMatch(/contradictory|never_true/);
  });

  it('explains that changes are fractions if a change threshold looks like a percentage', () => {
    const details = (condition: Condition): string[] => {
      const { errors, warnings } = checkRule({ ...base, conditions: [condition] });
      return [...errors, ...warnings].map(({ code, detail }) => `${code}: ${detail}`);
    };
    const hint = 'Changes are fractions: 0.1 is 10 %.';
    expect(details({ ...change, threshold: -10 })).toEqual([`never_true: No value can ever satisfy this. ${hint}`]);
    expect(details({ ...change, threshold: 10 })).toEqual([`very_large: This is a change by 1000 %. ${hint}`]);
    expect(details({ ...tvl, metric: 'change_24h', operator: 'gt', threshold: 5 })).toEqual([
      `very_large: This is a change by 500 %. ${hint}`,
    ]);
    expect(details({ ...change, threshold: 1 })).toEqual([]);
    expect(details({ ...tvl, operator: 'lt', threshold: -10 })).toEqual([
      'never_true: No value can ever satisfy this.',
    ]);
  });

  it('warns if a condition always holds', () => {
    expect(check([{ ...price, operator: 'gte', threshold: 0 }]).warnings).toEqual(['/conditions/0 always_true']);
    expect(check([{ ...price, operator: 'gt', threshold: -5 }]).warnings).toEqual(['/conditions/0 always_true']);
    expect(check([{ ...price, operator: 'gt', threshold: 0 }]).warnings).toEqual([]);
  });

  it('warns if hysteresis keeps a rule from ever resolving', () => {
    const swallowed = { errors: [], warnings: ['/hysteresis never_ends'] };
    expect(check([{ ...tvl, operator: 'gte', threshold: 5 }], { hysteresis: 1 })).toEqual(swallowed);
    expect(check([{ ...change, threshold: 0.1 }], { hysteresis: 1 })).toEqual(swallowed);
    const sound: Condition[] = [
      { ...tvl, operator: 'lt', threshold: 5 },
      { ...change, threshold: 0.1, direction: 'up' as const },
      { ...change, threshold: -0.1 },
    ];
    for (const condition of sound) expect(check([condition], { hysteresis: 1 }).warnings).toEqual([]);
  });
});

describe('the parser of conditions', () => {
  it('normalises names and accepts an event type as `metric`', () => {
    const { conditions, where, errors } = parseConditions(
      [{ protocol: ' Aave-V3 ', chain: 'Binance', metric: 'tvl', operator: 'gt', threshold: 1, tolerance: null }],
      {
        or: [
          { metric: 'liquidation', protocol: '*' },
          { not: { token: 'coingecko:Bitcoin', metric: 'price', operator: 'eq', threshold: 1 } },
        ],
      },
    );
    expect(errors).toEqual([]);
    expect(conditions).toEqual([{ protocol: 'aave-v3', chain: 'bsc', metric: 'tvl', operator: 'gt', threshold: 1 }]);
    expect(where).toEqual({
      or: [
        { metric: 'event', eventType: 'liquidation' },
        { not: { token: 'bitcoin', metric: 'price', operator: 'eq', threshold: 1 } },
      ],
    });
  });

  it('reports every error with its JSON pointer and survives malformed input', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : { not: nested(depth - 1) });
    const faults = (conditions: unknown, where?: unknown): string[] =>
      parseConditions(conditions, where).errors.map(({ pointer, code }) => `${pointer} ${code}`);
    expect(faults('x')).toEqual(['/conditions invalid_type']);
    expect(faults([null, { metric: 'tvl', operator: 'gt', threshold: NaN }])).toEqual([
      '/conditions/0 invalid_type',
      '/conditions/1/threshold invalid_type',
    ]);
    expect(
      faults([{ metric: 'alert' }, { metric: 'tvl', operator: 'like' }, { metric: 'tvl', operator: 'gt' }]),
    ).toEqual([
      '/conditions/0/metric invalid_value',
      '/conditions/1/operator invalid_value',
      '/conditions/2/threshold required',
    ]);
    expect(faults([{ metric: 'tvl', operator: 'gt', threshold: 1, protocol: 7, direction: 'left', 'a/b': 1 }])).toEqual(
      [
        '/conditions/0/a~1b unknown_field',
        '/conditions/0/protocol invalid_type',
        '/conditions/0/direction invalid_value',
      ],
    );
    expect(faults([], { and: [], or: [] })).toEqual(['/where ambiguous']);
    expect(faults([], nested(1_000))[0]).toContain('too_deep');
    expect(faults(Array.from({ length: 17 }, () => ({})))).toEqual(['/conditions too_many']);
    expect(faults([{ metric: 'event', eventType: 'tick' }])).toEqual(['/conditions/0/eventType invalid_value']);
  });

  it('refuses malformed names and suggests the likely name', () => {
    const details = (more: object): string[] =>
      parseConditions([{ metric: 'tvl', operator: 'gt', threshold: 1, ...more }], null).errors.map(
        ({ pointer, detail }) => `${pointer}: ${detail}`,
      );
    expect(details({ protocol: 'Uniswap V3' })[0]).toMatch(
      /^\/conditions\/0\/protocol: Must be .* did you mean uniswap-v3\?$/,
    );
    expect(details({ metric: 'price', token: 'usd coin' })[0]).toMatch(/token: Must be .* did you mean usd-coin\?$/);
    expect(details({ protocol: 'a\tb' })).toHaveLength(1);
    expect(details({ protocol: ' Aave-V3 ', chain: 'Arbitrum' })).toEqual([]);
  });

  it('accepts conditions on event fields and reports missing or inapplicable members', () => {
    const event = { metric: 'event', eventType: 'liquidation' };
    const faults = (more: object): string[] =>
      parseConditions([{ ...event, ...more }], null).errors.map(({ pointer, code }) => `${pointer.slice(14)} ${code}`);
    const amount = { field: 'amountUsd', operator: 'gte', threshold: 1e6 };
    expect(parseConditions([{ ...event, ...amount }], null).conditions).toEqual([{ ...event, ...amount }]);
    expect(faults({ field: 'asset', operator: 'ne', threshold: 'WETH' })).toEqual([]);
    expect(faults({ operator: 'gt', threshold: 1 })).toEqual(['field required']);
    expect(faults({ field: 'amountUsd' })).toEqual(['operator invalid_value']);
    expect(faults({ field: 'amountUsd', operator: 'gt' })).toEqual(['threshold required']);
    expect(faults({ ...amount, operator: 'change_pct' })).toEqual(['operator invalid_value']);
    expect(faults({ ...amount, threshold: 'much' })).toEqual(['operator not_applicable']);
    expect(faults({ ...amount, timeWindow: 60, tolerance: 0 })).toEqual([
      'timeWindow not_applicable',
      'tolerance not_applicable',
    ]);
    expect(faults({ ...amount, eventType: 'price_change' })).toEqual(['field not_applicable']);
    const level = { metric: 'tvl', operator: 'gt', threshold: 1 };
    expect(faults({ ...level, eventType: undefined, field: 'x' })).toEqual(['field not_applicable']);
  });

  it('reports at most 50 errors, however many unknown fields there are', () => {
    const fields = Array.from({ length: 200_000 }, (_, n) => [`field${n}`, n] as const);
    // A search through all known names for each field would take minutes, and the test would time out.
    expect(parseConditions([Object.fromEntries(fields)], null).errors).toHaveLength(50);
  });
});
