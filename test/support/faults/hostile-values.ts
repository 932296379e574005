import fc from 'fast-check';

const TEXTS = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '😀'.repeat(100),
  'a'.repeat(1_000),
  'a'.repeat(30_000),
  'é'.repeat(20_000),
  '\u202e',

  '%',
  '%00',
  '../../etc/passwd',
  "'; DROP TABLE event_log; --",
  '=cmd()',
  '＝cmd()',
  '\r\nX: y',
  '__proto__',
  'constructor',

  'NaN',
  'Infinity',
  '1e400',
  '-1',
  '0',
  '99999999999999999999',
  'true',
  'null',
  '*',
  'all',
  '(a+)+$',
  '%'.repeat(500),

  'now-7d',
  'now-999999999999999999d',
  '2026-02-30T00:00:00Z',
  '+275761-01-01T00:00:00Z',
  '-000001-01-01T00:00:00Z',

  '0001-01-01T00:00:00.000Z',
  '9999-12-31T23:59:59.999Z',
  'Europe/Berlin',
  'Etc/GMT+99',
  '1h',
  '999999999999d',
  '0d',

  '{{ x }}',
  '{% for i in (1..1000000000) %}a{% endfor %}',
  '{{ "a" | date: "%99999999Y" }}',
  '{{ "a" | append: }}',

  'http://127.0.0.1/',
  'http://[::1',
  'javascript:alert(1)',
  `x@${'a.'.repeat(200)}com`,
  `https://a.example/${'a'.repeat(3_000)}`,

  ','.repeat(5_000),
  'a,'.repeat(5_000),
  ':'.repeat(1_000),
  '.'.repeat(10_000),
  `0x${'f'.repeat(40)}`,
  'coingecko:bitcoin',

  '00000000-0000-0000-0000-000000000000',
  'uniswap-v3',
  'ethereum',
  'bitcoin',
  'tvl',
  'price',
  'events:tvl',
  'İ',
  'ß',
];
const NUMBERS = [0, -0, 1, -1, 0.1, 5e-324, 1e308, -1e308, 2 ** 31, -(2 ** 31), 2 ** 53 + 2, 2 ** 63, 1e21, 10_001];
const OTHERS: unknown[] = [
  null,
  true,
  [],
  {},
  [[]],
  [null],
  [{}],
  ['a'],
  { toString: 1 },
  { $ne: null },
  // With this member `await` would treat the value as a promise.
  JSON.parse('{"then":1}') as object,
  { toJSON: 'x' },
];
const LARGE: unknown[] = [
  Array<string>(200).fill('a'),
  Array<number>(9_000).fill(0),
  Array.from({ length: 9_000 }, () => ({})),
  Object.fromEntries(Array.from({ length: 190 }, (_, n) => [`k${n}`, n])),
];

/** Values that no client should send, including some that clients do send. */
export const hostileText = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary', maxLength: 60 }));
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: hostileText },
  { weight: 2, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 3, arbitrary: fc.constantFrom(...OTHERS) },
  { weight: 1, arbitrary: fc.constantFrom(...LARGE) },
);
