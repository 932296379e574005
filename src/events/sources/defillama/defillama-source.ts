import { once } from 'node:events';
import { Injectable, Logger } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { Clock } from '../../../platform/clock/clock.js';
import { Database } from '../../../platform/database/database.js';
import { metricOf } from '../../../platform/metrics/metric-of.js';
import { Metrics } from '../../../platform/metrics/metrics.js';
import { BackgroundLoops } from '../../../platform/process/background-loops.js';
import { becomeWriter, writePrices, writeProtocols, writeTvl } from '../../ingest/table-writer.js';
import { SourceFeed } from '../source-feed.js';
import { HttpFetcher } from './http-fetcher.js';
import { METADATA_MEMBERS } from './llama-metadata.js';
import { readChains, readPrices, readProtocols } from './llama-shapes.js';

/** URLs of the API and polling intervals. Tests replace them with a server of their own. */
export class LlamaEndpoints {
  api = 'https://api.llama.fi';
  coins = 'https://coins.llama.fi';
  /** Interval of TVL polls, ms. DefiLlama's TVL changes about once an hour; a poll without changes is answered with 304. */
  tvlEveryMs = 300_000;
  pricesEveryMs = 60_000;
  fetcher = new HttpFetcher();
}

/** Tokens whose prices are polled in addition to the protocols' own tokens: the most requested ones. */
const ALWAYS = ['bitcoin', 'ethereum', 'tether', 'usd-coin', 'dai', 'wrapped-bitcoin', 'solana', 'binancecoin'];
const MAX_TOKENS = 500;
/** Coins per URL, which stays shorter than any proxy's limit. */
const COINS_PER_REQUEST = 100;
const ROWS_PER_STATEMENT = 5_000;

/** Deviation of 5 % in either direction, so that deployments do not all poll in the same second. */
const POLL = { jitter: 0.05 };

type Outcome = 'written' | 'unchanged' | 'failed';

/**
 * Polls DefiLlama's public API. A failed poll changes nothing, is counted and logged, and the next poll runs as scheduled.
 */
@Injectable()
export class DefillamaSource extends SourceFeed {
  readonly name = 'defillama';
  private readonly logger = new Logger(DefillamaSource.name);
  private readonly polls: Counter<'resource' | 'outcome'>;
  /** Hosts that get no requests for a while, because they failed repeatedly. */
  readonly breakersOpen: Gauge;
  private tokens: readonly string[] = ALWAYS;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly endpoints: LlamaEndpoints,
    private readonly loops: BackgroundLoops,
    metrics: Metrics,
  ) {
    super();
    this.polls = new Counter({
      ...metricOf('source_polls_total'),
      registers: [metrics.registry],
    });
    const open = (): number => this.endpoints.fetcher.openBreakers;
    this.breakersOpen = new Gauge({
      ...metricOf('source_breakers_open'),
      registers: [metrics.registry],
      collect() {
        this.set(open());
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { tvlEveryMs, pricesEveryMs } = this.endpoints;
    const protocols = (stop: AbortSignal) => this.poll('protocols', stop, () => this.pollProtocols(stop));
    const chains = (stop: AbortSignal) => this.poll('chains', stop, () => this.pollChains(stop));
    // The first prices are those of the protocols' tokens.
    await protocols(signal);
    const polls = [
      this.loops.loop({
        ...POLL,
        name: 'defillama_protocols',
        intervalMs: tvlEveryMs,
        isDelayed: true,
        run: protocols,
      }),
      this.loops.loop({ ...POLL, name: 'defillama_chains', intervalMs: tvlEveryMs, run: chains }),
      this.loops.loop({
        ...POLL,
        name: 'defillama_prices',
        intervalMs: pricesEveryMs,
        run: (stop) => this.pollPrices(stop),
      }),
    ];
    for (const loop of polls) loop.start();
    if (!signal.aborted) await once(signal, 'abort');
    await Promise.all(polls.map((loop) => loop.stop()));
  }

  private async poll(resource: string, signal: AbortSignal, work: () => Promise<Outcome>): Promise<void> {
    try {
      this.polls.inc({ resource, outcome: await work() });
    } catch (error) {
      if (signal.aborted) return;
      this.polls.inc({ resource, outcome: 'failed' satisfies Outcome });
      this.logger.warn({ resource, err: error }, 'poll of DefiLlama failed; next poll as scheduled');
    }
  }

  private async pollProtocols(signal: AbortSignal): Promise<Outcome> {
    return this.use(`${this.endpoints.api}/protocols`, signal, async (body) => {
      const { protocols, tvl, tokens } = readProtocols(body, this.clock.now());
      this.tokens = [...new Set([...ALWAYS, ...tokens])].slice(0, MAX_TOKENS);
      for (const rows of chunks(protocols.rows)) await this.write((tx) => writeProtocols(tx, rows, METADATA_MEMBERS));
      for (const rows of chunks(tvl.rows)) await this.write((tx) => writeTvl(tx, rows));
      this.logger.log(
        { protocols: protocols.rows.length, tvl: tvl.rows.length, skipped: protocols.skipped },
        'protocols read from DefiLlama',
      );
    });
  }

  /** Polls the chains without storing them: a chain without any stored TVL shows that the alias table lacks a spelling. */
  private async pollChains(signal: AbortSignal): Promise<Outcome> {
    return this.use(`${this.endpoints.api}/v2/chains`, signal, async (body) => {
      const chains = readChains(body);
      const unknown = await this.database.query<{ chain: string }>(
        `SELECT chain FROM unnest($1::text[]) AS chain
         WHERE NOT EXISTS (SELECT FROM protocol_tvl t WHERE t.chain = chain.chain) LIMIT 20`,
        [chains],
      );
      this.logger.debug({ chains: chains.length, withoutTvl: unknown.map(({ chain }) => chain) }, 'chains read');
    });
  }

  /**
   * Polls prices. Each request counts as a poll of its own, so that a failed one does not leave the other tokens without
   * prices.
   */
  private async pollPrices(signal: AbortSignal): Promise<void> {
    for (const tokens of chunks(this.tokens, COINS_PER_REQUEST)) {
      const coins = tokens.map((token) => (token.includes(':') ? token : `coingecko:${token}`)).map(encodeURIComponent);
      const address = `${this.endpoints.coins}/prices/current/${coins.join(',')}`;
      await this.poll('prices', signal, () =>
        this.use(address, signal, async (body) => {
          const { rows } = readPrices(body, this.clock.now());
          await this.write((tx) => writePrices(tx, rows));
        }),
      );
    }
  }

  /** Fetches a resource and passes it to `work`. If `work` fails, the next poll fetches the whole resource again. */
  private async use(address: string, signal: AbortSignal, work: (body: unknown) => Promise<void>): Promise<Outcome> {
    const body = await this.endpoints.fetcher.get(address, signal);
    if (body === undefined) return 'unchanged';
    try {
      await work(body);
    } catch (error) {
      this.endpoints.fetcher.forget(address);
      throw error;
    }
    return 'written';
  }

  private async write(work: (tx: Parameters<typeof becomeWriter>[0]) => Promise<unknown>): Promise<void> {
    await this.database.transaction(async (tx) => {
      await becomeWriter(tx);
      await work(tx);
    });
  }
}

function chunks<T>(items: readonly T[], size = ROWS_PER_STATEMENT): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
