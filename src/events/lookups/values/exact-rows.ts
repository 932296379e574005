import { Injectable } from '@nestjs/common';
import { Clock } from '../../../platform/clock/clock.js';
import { Database } from '../../../platform/database/database.js';
import { effectiveConfidence } from '../../core/confidence.js';
import { EventFeed } from '../../feed/event-feed.js';
import type { PublishedValue } from '../../hot-cache/published-value.js';

interface Row {
  subject: string;
  chain: string | null;
  value: number;
  volume_24h: number | null;
  market_cap: number | null;
  symbol: string | null;
  name: string | null;
  category: string | null;
  source: string;
  confidence: number;
  tags: string[];
  observed_at: number;
}

/**
 * Reads the rows in place of the published values, in the same form: they include changes below the publication threshold.
 * The cursor is the feed's position before the read, so that a client that continues from it misses no change.
 */
@Injectable()
export class ExactRows {
  constructor(
    private readonly database: Database,
    private readonly feed: EventFeed,
    private readonly clock: Clock,
  ) {}

  /** Returns the rows of all chains of a protocol. */
  async tvls(protocol: string): Promise<PublishedValue[]> {
    return await this.read('tvl', TVLS, [protocol]);
  }

  async prices(tokens: readonly string[]): Promise<Map<string, PublishedValue>> {
    const values = await this.read('price', PRICES, [tokens]);
    return new Map(values.map((value) => [value.token ?? '', value]));
  }

  private async read(metric: 'tvl' | 'price', sql: string, parameters: unknown[]): Promise<PublishedValue[]> {
    const seq = this.feed.position;
    const cursor = this.feed.cursor();
    const rows = await this.database.query<Row>(sql, parameters);
    const now = this.clock.now();
    return rows.map((row) => ({
      metric,
      protocol: metric === 'tvl' ? row.subject : null,
      chain: row.chain,
      token: metric === 'price' ? row.subject : null,
      value: row.value,
      volume24h: row.volume_24h,
      marketCap: row.market_cap,
      symbol: row.symbol,
      name: row.name,
      category: row.category,
      source: row.source,
      confidence: effectiveConfidence(row.confidence, now - row.observed_at, null),
      tags: row.tags,
      observedAt: row.observed_at,
      seq,
      cursor,
    }));
  }
}

const OBSERVED_AT = '(extract(epoch FROM r.observed_at) * 1000)::float8 AS observed_at';

const TVLS = `
SELECT r.protocol AS subject, r.chain, r.tvl AS value, NULL::float8 AS volume_24h, NULL::float8 AS market_cap, p.symbol,
       p.name, p.category, r.source, r.confidence, r.tags, ${OBSERVED_AT}
FROM protocol_tvl r LEFT JOIN protocols p ON p.slug = r.protocol WHERE r.protocol = $1`;

const PRICES = `
SELECT r.token AS subject, r.chain, r.price AS value, r.volume_24h, r.market_cap, r.symbol, NULL AS name,
       NULL AS category, r.source, r.confidence, r.tags, ${OBSERVED_AT}
FROM token_prices r WHERE r.token = ANY ($1::text[])`;
