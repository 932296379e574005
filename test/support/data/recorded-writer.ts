import type { Pool } from 'pg';
import { waitFor } from '../wait-for.js';

/** Random generator (mulberry32) with a seed that can be printed and reused. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Writes random walks into protocol_tvl and records what it committed. A naive dead band derives the expected events from
 * this record, so that a test never checks the log against itself.
 */
export class RecordedWriter {
  /** All committed values of each key, in commit order, starting with the baseline. */
  readonly committed = new Map<string, number[]>();
  private stopped = false;
  private loop: Promise<void> | undefined;
  changes = 0;

  constructor(
    private readonly pool: Pool,
    private readonly prefix: string,
    private readonly keys: number,
    private readonly random: () => number,
  ) {}

  async insertBaselines(): Promise<void> {
    const slugs = Array.from({ length: this.keys }, (_, n) => `${this.prefix}-${n}`);
    await this.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT slug, 'ethereum', 1000000 FROM unnest($1::text[]) slug`,
      [slugs],
    );
    for (const slug of slugs) this.committed.set(`${slug}:ethereum`, [1_000_000]);
  }

  /** Writes statements of a few rows each, about `perSecond` changed rows a second, until `stop`; can be started again. */
  start(perSecond: number): void {
    this.stopped = false;
    this.loop = this.run(perSecond);
  }

  private async run(perSecond: number): Promise<void> {
    const rows = 5;
    let due = performance.now();
    while (!this.stopped) {
      await this.write(rows);
      due += (rows / perSecond) * 1000;
      const wait = due - performance.now();
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      else due = Math.max(due, performance.now() - 500);
    }
  }

  private async write(rows: number): Promise<void> {
    const chosen = new Map<string, number>();
    while (chosen.size < rows) {
      const slug = `${this.prefix}-${Math.floor(this.random() * this.keys)}`;
      const values = this.committed.get(`${slug}:ethereum`) ?? [];
      const last = values.at(-1) ?? 1_000_000;
      chosen.set(slug, Math.max(1, last * (1 + (this.random() - 0.5) * 0.08)));
    }
    try {
      await this.pool.query(
        `UPDATE protocol_tvl p SET tvl = u.tvl, observed_at = clock_timestamp()
           FROM unnest($1::text[], $2::float8[]) u(slug, tvl) WHERE p.protocol = u.slug AND p.chain = 'ethereum'`,
        [[...chosen.keys()], [...chosen.values()]],
      );
    } catch {
      if (!(await this.wasCommitted(chosen))) return;
    }
    for (const [slug, tvl] of chosen) this.committed.get(`${slug}:ethereum`)?.push(tvl);
    this.changes += rows;
  }

  /** Whether a statement was committed before the connection was lost: nobody else writes these rows, so they show it. */
  private async wasCommitted(chosen: ReadonlyMap<string, number>): Promise<boolean> {
    const [first] = chosen;
    return waitFor(
      async () => {
        const { rows } = await this.pool.query<{ tvl: number }>('SELECT tvl FROM protocol_tvl WHERE protocol = $1', [
          first?.[0],
        ]);
        return { committed: rows[0]?.tvl === first?.[1] };
      },
      { timeoutMs: 30_000 },
    ).then(({ committed }) => committed);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.loop;
  }

  /** Returns the events that must have been published, by key: the naive dead band of 1 % over the committed values. */
  expected(): Map<string, { previous: number; current: number }[]> {
    const all = new Map<string, { previous: number; current: number }[]>();
    for (const [key, values] of this.committed) {
      const published: { previous: number; current: number }[] = [];
      let reference = values[0] ?? 0;
      for (const value of values.slice(1)) {
        if (Math.abs(value - reference) < (0.01 - 1e-9) * reference) continue;
        published.push({ previous: reference, current: value });
        reference = value;
      }
      all.set(key, published);
    }
    return all;
  }
}
