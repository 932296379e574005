import type { BenchContext } from './bench-context.js';
import type { QueryAsker } from './query-asker.js';
import type { Series } from './query-history.js';

const LANES = 8;

/**
 * Writes a value that is published, and then sends a query that is in the cache, with the cursor from ingest as
 * `at_least`. Returns how often the answer does not contain the write.
 */
export async function staleReads(
  context: BenchContext,
  asker: QueryAsker,
  series: readonly Series[],
  tries: number,
): Promise<{ tries: number; stale: number }> {
  let [stale, done] = [0, 0];
  const lane = async (index: number): Promise<void> => {
    // Each lane has its own series, which no other lane changes.
    const { protocol = '', chain = '' } = series[index * 4] ?? {};
    const question = { filters: { protocols: [protocol], chains: [chain] } };
    for (let n = 0; done < tries; n += 1) {
      done += 1;
      await expectOk(asker.ask(JSON.stringify(question)));
      const tvl = 5_000_000 * (n % 2 === 0 ? 2 : 1) + n;
      const written = await expectOk<{ accepted: number; cursor: string }>(
        asker.ask(JSON.stringify({ items: [{ protocol, chain, tvl }] }), '/v1/ingest/tvl'),
      );
      if (written.accepted !== 1) throw new Error(`ingest did not accept: ${JSON.stringify(written)}`);
      const { data } = await expectOk<{ data: { tvl: number }[] }>(
        asker.ask(JSON.stringify({ ...question, at_least: written.cursor })),
      );
      if (data[0]?.tvl !== tvl) stale += 1;
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
  context.log(`${stale} stale reads of ${done}`);
  return { tries: done, stale };
}

async function expectOk<T>(asked: ReturnType<QueryAsker['ask']>): Promise<T> {
  const { status, text } = await asked;
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return JSON.parse(text) as T;
}
