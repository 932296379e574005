import { inputFault } from '../../platform/input/faults.js';

/** Maximum number of rows that one run of a live query reads, about a second of one core. */
const MAX_LIVE_ROWS = 2_000_000;
/** Maximum number of rows that one run of each live query of a key reads in total. */
const MAX_LIVE_ROWS_OF_KEY = 5_000_000;

interface Open {
  readonly rows: number;
  followers: number;
}

/** Cost of the live queries of each key. A query counts once, however many of the key's connections follow it. */
export class LiveBudget {
  private readonly keys = new Map<string, Map<string, Open>>();

  /** Throws if this query would exceed the key's budget. */
  check(key: string, id: string, rows: number): void {
    if (rows > MAX_LIVE_ROWS) {
      throw refusal(`Each run would read about ${rows} rows; a live query may read at most ${MAX_LIVE_ROWS}`);
    }
    const open = this.keys.get(key);
    if (open?.has(id)) return;
    const held = [...(open?.values() ?? [])].reduce((sum, query) => sum + query.rows, 0);
    if (held + rows <= MAX_LIVE_ROWS_OF_KEY) return;
    throw refusal(
      `The live queries of one key may read at most ${MAX_LIVE_ROWS_OF_KEY} rows together; ${held} are in use, and this query needs ${rows}`,
    );
  }

  add(key: string, id: string, rows: number): void {
    const open = this.keys.get(key) ?? new Map<string, Open>();
    this.keys.set(key, open);
    const held = open.get(id);
    if (held) held.followers += 1;
    else open.set(id, { rows, followers: 1 });
  }

  remove(key: string, id: string): void {
    const open = this.keys.get(key);
    const held = open?.get(id);
    if (!open || !held) return;
    held.followers -= 1;
    if (held.followers === 0) open.delete(id);
    if (open.size === 0) this.keys.delete(key);
  }
}

function refusal(what: string) {
  const detail = `${what}; use a longer time.bucket, a shorter range, or fewer protocols.`;
  return inputFault('limit_exceeded', '/time', 'too_costly', detail);
}
