import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLogRow, LOG_COLUMNS, type Kind, type LogRow } from './columns.js';
import { logEvent, logRow } from './log-row.js';

const nulls = (count: number): null[] => Array<null>(count).fill(null);

function rowAt(time: number): LogRow {
  const row = [1, 'e1', 'price_change', ...nulls(13), 'test', 1, null, time, time, time, ...nulls(3)];
  return row as unknown as LogRow;
}

describe('a row of the event log', () => {
  it('has its times cut to milliseconds despite floating-point rounding in PostgreSQL', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2_147_483_647_000 }),
        fc.integer({ min: 0, max: 999 }),
        (millis, micros) => {
          const seconds = (millis * 1_000 + micros) / 1e6;
          const { observedAt, capturedAt, loggedAt } = logEvent(rowAt(seconds * 1_000));
          expect([observedAt, capturedAt, loggedAt]).toEqual([millis, millis, millis]);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('has the type `unknown` if a newer version wrote it, so that it does not stop the rows after it', () => {
    const [seq, epoch, , ...rest] = rowAt(0);
    expect(logEvent([seq, epoch, 'newer', ...rest])).toMatchObject({ seq: 1, type: 'unknown' });
  });

  it('is read and written in the order of the list of columns', () => {
    const value = (name: string, kind: Kind, column: number): unknown =>
      ({ 'text?': name, text: name, 'tags?': [name], 'object?': { name } })[kind as string] ?? column;
    const row: unknown = LOG_COLUMNS.map(([name, kind], column) =>
      name === 'type' ? 'tick' : value(name, kind, column),
    );
    if (!isLogRow(row)) throw new Error('The row does not fit its columns.');
    const event = logEvent(row);
    expect(LOG_COLUMNS.map(([name]) => event[name])).toEqual(row);
    expect(logRow(event)).toEqual(row);
  });

  it('is refused if one of its values has the wrong type', () => {
    const row: unknown[] = rowAt(0);
    expect(isLogRow(row)).toBe(true);
    expect(LOG_COLUMNS.filter((_, column) => isLogRow(row.with(column, true)))).toEqual([]);
    expect([isLogRow(row.slice(1)), isLogRow([...row, null])]).toEqual([false, false]);
  });
});
