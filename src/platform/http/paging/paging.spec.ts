import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainError } from '../../errors/domain-error.js';
import { keysetPage, type Order, type Position, type Ranked } from './keyset-page.js';
import { pagedList } from './paged-list.js';
import { decodeCursor, decodeNumber, encodeCursor, MAX_CURSOR_LENGTH } from './list-cursor.js';
import { pageOf } from './page.js';

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
          const cursor = encodeCursor(scope, [rank, id]);
          const [rankBack, idBack] = decodeCursor(scope, cursor, ['number', 'string'])!;
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
    expect(decodeCursor('list', undefined, ['string'])).toBeUndefined();
  });

  test.each([
    ['from another list', encodeCursor('other', ['a'])],
    ['of other filters', encodeCursor(['list', { chain: 'base' }], ['a'])],
    ['with other types', encodeCursor('list', [1])],
    ['of another version', Buffer.from(JSON.stringify([2, 'x', 'a'])).toString('base64url')],
    ['without a version', Buffer.from(JSON.stringify(['x', 'a'])).toString('base64url')],
    ['with too many parts', encodeCursor('list', ['a', 'b'])],
    ['without valid JSON', Buffer.from('{').toString('base64url')],
    ['with an object in place of a list', Buffer.from('{"a":1}').toString('base64url')],
    ['without any characters', ''],
    ['with characters of other alphabets', '++//=='],
    ['of 50000 characters', 'A'.repeat(50_000)],
  ])('a cursor %s is refused as invalid input', (_, cursor) => {
    const decode = () => decodeCursor('list', cursor, ['string']);
    expect(decode).toThrow(DomainError);
    expect(decode).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        field: 'cursor',
        message: expect.stringMatching(/^cursor must be a cursor of this list/),
        errors: [expect.objectContaining({ pointer: '?cursor', code: 'invalid_cursor' })],
      }),
    );
  });

  test('are the same for the same filters in another order, and without absent ones', () => {
    const cursor = encodeCursor(['list', { chain: 'base', type: 'a', state: undefined }], ['x']);
    expect(decodeCursor(['list', { type: 'a', chain: 'base' }], cursor, ['string'])).toEqual(['x']);
    expect(() => decodeCursor(['list', { type: 'a' }], cursor, ['string'])).toThrow(DomainError);
  });

  test('are either decoded or refused, for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (cursor) => {
        expect(outcome(() => decodeCursor('list', cursor, ['string']))).not.toBe('another error');
      }),
    );
  });
});

describe('lists of numbered rows', () => {
  const rows = (...numbers: number[]) => numbers.map((number) => ({ number }));
  const options = { scope: ['rows', { owner: 'a' }], limit: 2, position: (row: { number: number }) => row.number };

  test('give every row once, on pages of up to `limit` rows', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1 })), fc.integer({ min: 1, max: 5 }), (numbers, limit) => {
        const sorted = numbers.toSorted((a, b) => b - a);
        const seen: number[] = [];
        let cursor: string | undefined;
        do {
          const before = Number(decodeNumber(options.scope, cursor) ?? Number.POSITIVE_INFINITY);
          const found = rows(...sorted.filter((number) => number < before).slice(0, limit + 1));
          const { data, page } = pageOf(found, { ...options, limit }, (row) => row.number);
          expect(page.has_more).toBe(page.next_cursor !== null);
          seen.push(...data);
          cursor = page.next_cursor ?? undefined;
        } while (cursor !== undefined);
        expect(seen).toEqual(sorted);
      }),
    );
  });

  test('have another page if fewer rows are given than match', () => {
    const { data, page } = pageOf(rows(9), { ...options, found: 3 }, (row) => row.number);
    expect([data, decodeNumber(options.scope, page.next_cursor ?? undefined)]).toEqual([[9], '9']);
    expect(pageOf([], { ...options, found: 0 }, (row) => row).page).toEqual({ next_cursor: null, has_more: false });
  });

  test('accept the bare numbers that were cursors before', () => {
    expect([decodeNumber('rows', undefined), decodeNumber('rows', '123456789012345678')]).toEqual([
      null,
      '123456789012345678',
    ]);
  });

  test.each([
    '',
    '0',
    '-1',
    '1e3',
    '1234567890123456789',
    encodeCursor('rows', ['1; DROP']),
    encodeCursor('rows', [null]),
  ])('refuse the cursor %j', (cursor) => {
    expect(() => decodeNumber('rows', cursor)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
