import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainError } from '../../platform/errors/domain-error.js';
import { toCsv } from '../../platform/http/csv.js';
import { keysetPage, type Order, type Position, type Ranked } from './keyset-page.js';
import { pagedList } from './paged-list.js';
import { decodePageCursor, encodePageCursor, MAX_CURSOR_LENGTH } from './page-cursor.js';
import { parseTime } from '../../platform/input/time.js';
import { intervalFor } from './time-range.js';

const entries = fc
  .array(fc.record({ rank: fc.option(fc.oneof(fc.integer({ min: 0, max: 5 })), { nil: null }) }), { maxLength: 40 })
  .map((rows) => rows.map(({ rank }, index): Ranked<string> => ({ item: `i${index}`, rank, id: `i${index}` })));

async function walk(list: Ranked<string>[], order: Order, limit: number): Promise<string[]> {
  const seen: string[] = [];
  let after: Position | undefined;
  do {
    const { items, next } = await keysetPage(list, order, limit, after);
    seen.push(...items);
    after = next;
  } while (after);
  return seen;
}

describe('keyset pages', () => {
  test('return every entry once, in order, with ties by id and unranked entries last', async () => {
    await fc.assert(
      fc.asyncProperty(
        entries,
        fc.constantFrom<Order>('asc', 'desc'),
        fc.integer({ min: 1, max: 7 }),
        async (list, order, limit) => {
          const weight = ({ rank }: Ranked<string>) =>
            typeof rank === 'number' ? (order === 'asc' ? rank : -rank) : Number.POSITIVE_INFINITY;
          const expected = [...list].sort((a, b) => {
            if (weight(a) !== weight(b)) return weight(a) - weight(b);
            return a.id < b.id ? -1 : 1;
          });
          expect(await walk(list, order, limit)).toEqual(expected.map((entry) => entry.item));
        },
      ),
    );
  });

  test('are sorted alphabetically if the rank is text', async () => {
    const list = ['b', 'a', 'c'].map((rank): Ranked<string> => ({ item: rank, rank, id: rank }));
    expect(await walk(list, 'asc', 2)).toEqual(['a', 'b', 'c']);
    expect(await walk(list, 'desc', 2)).toEqual(['c', 'b', 'a']);
  });

  test('yield to the event loop while a filter excludes all entries', async () => {
    let turns = 0;
    const count = () => {
      turns++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    function* leftOut() {
      for (let entry = 0; entry < 6; entry++) {
        const end = performance.now() + 9;
        while (performance.now() < end);
        yield undefined;
      }
    }
    expect(await keysetPage(leftOut(), 'asc', 10)).toEqual({ items: [], next: undefined });
    clearImmediate(counting);
    expect(turns).toBeGreaterThanOrEqual(6);
  });
});

function outcome(work: () => unknown): string {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return error instanceof DomainError ? 'refused' : 'another error';
  }
}

describe('page cursors', () => {
  test('decode to the rank and id that were encoded', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
        fc.string(),
        (scope, rank, id) => {
          const cursor = encodePageCursor(scope, [rank, id]);
          const [rankBack, idBack] = decodePageCursor(scope, cursor, ['number', 'string'])!;
          expect(Object.is(rankBack, -0) ? 0 : rankBack).toBe(Object.is(rank, -0) ? 0 : rank);
          expect(idBack).toBe(id);
        },
      ),
    );
  });

  test('are accepted for the longest names in any script', async () => {
    const [slug, name] = ['協'.repeat(128), '議'.repeat(256)];
    const list = [slug, 'x'].map((id): Ranked<string> => ({ item: id, rank: name, id }));
    const request = { scope: 'names', order: 'desc', limit: 1, rankedBy: 'string' } as const;
    const first = await pagedList(list, { ...request, cursor: undefined }, (item) => item);
    const cursor = first.page.next_cursor ?? undefined;
    const second = await pagedList(list, { ...request, cursor }, (item) => item);
    expect([...first.data, ...second.data].toSorted()).toEqual(['x', slug]);
    expect(cursor?.length).toBeLessThanOrEqual(MAX_CURSOR_LENGTH);
  });

  test('decode to `undefined` if the request has no cursor', () => {
    expect(decodePageCursor('list', undefined, ['string'])).toBeUndefined();
  });

  test.each([
    ['from another list', encodePageCursor('other', ['a'])],
    ['with other types', encodePageCursor('list', [1])],
    ['with too many parts', encodePageCursor('list', ['a', 'b'])],
    ['without valid JSON', Buffer.from('{').toString('base64url')],
    ['with an object in place of a list', Buffer.from('{"a":1}').toString('base64url')],
    ['without any characters', ''],
    ['with characters of other alphabets', '++//=='],
    ['of 50000 characters', 'A'.repeat(50_000)],
  ])('a cursor %s is refused as invalid input', (_, cursor) => {
    const decode = () => decodePageCursor('list', cursor, ['string']);
    expect(decode).toThrow(DomainError);
    expect(decode).toThrow(expect.objectContaining({ code: 'invalid_request', field: 'cursor' }));
  });

  test('are either decoded or refused, for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (cursor) => {
        expect(outcome(() => decodePageCursor('list', cursor, ['string']))).not.toBe('another error');
      }),
    );
  });
});

describe('time parameters of requests', () => {
  const now = Date.UTC(2026, 10, 20, 12);

  test.each([
    ['now', now],
    ['now-24h', now - 86_400_000],
    ['now-90m', now - 5_400_000],
    ['now-2w', now - 1_209_600_000],
    ['2026-11-20', Date.UTC(2026, 10, 20)],
    ['2026-11-20T10:00Z', Date.UTC(2026, 10, 20, 10)],
    ['2026-11-20T10:00:00.500+02:00', Date.UTC(2026, 10, 20, 8, 0, 0, 500)],
  ])('accept %s', (text, expected) => {
    expect(parseTime(text, now)).toBe(expected);
  });

  test.each([
    '',
    'yesterday',
    'now-',
    'now-1y',
    'now+1h',
    '1700000000',
    '2026-13-45',
    '20 Nov 2026',
    '2026-11-20T10:00',
  ])('refuse %j', (text) => {
    expect(parseTime(text, now)).toBeUndefined();
  });

  test('select a coarser interval for a longer time range', () => {
    const day = 86_400_000;
    const grains = (rawKept: boolean) => [1, 2, 3, 90, 91].map((days) => intervalFor(days * day, rawKept));
    expect(grains(true)).toEqual(['raw', 'raw', '1h', '1h', '1d']);
    expect(grains(false)).toEqual(['1h', '1h', '1h', '1h', '1d']);
  });
});

describe('CSV output', () => {
  test('quotes special characters, joins lists with `|` and leaves null empty', () => {
    const rows = [
      { name: 'a,b', chains: ['x', 'y'], tvl: 1.5, none: null },
      { name: 'say "hi"\nthere', chains: [], tvl: -2, extra: { a: 1 } },
    ];
    expect(toCsv(rows)).toBe(
      'name,chains,tvl,none,extra\r\n"a,b",x|y,1.5,,\r\n"say ""hi""\nthere",,-2,,"{""a"":1}"\r\n',
    );
  });

  test.each(['=1+1', '+1', '-cmd', '@SUM(A1)', '\tx', '\rx'])(
    'escapes %j so that spreadsheets do not run a formula',
    (name) => {
      expect(toCsv([{ name }])).toContain(`'${name}`);
    },
  );

  test('is an empty header line if there are no rows', () => {
    expect(toCsv([])).toBe('\r\n');
  });
});
