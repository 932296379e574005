import type { Pool } from 'pg';

/** Further columns of a row; a column that is absent has its default. */
interface ProtocolFields {
  symbol?: string | null;
  category?: string | null;
  chains?: string[];
  url?: string | null;
  metadata?: object;
}

interface TvlFields {
  source?: string;
  tags?: string[];
  /** Time of observation; default: now. */
  observedAt?: Date;
}

interface PriceFields {
  symbol?: string | null;
  chain?: string | null;
  volume24h?: number | null;
  marketCap?: number | null;
  confidence?: number;
}

/** Writes like any program with the database's address: plain SQL on the public tables, a transaction for each row. */
export class MarketWriter {
  constructor(private readonly pool: Pool) {}

  protocol(slug: string, name = slug, fields: ProtocolFields = {}): Promise<void> {
    return this.upsert('protocols', ['slug'], { slug, name, ...fields });
  }

  tvl(protocol: string, chain: string, tvl: number, { observedAt, ...fields }: TvlFields = {}): Promise<void> {
    return this.upsert('protocol_tvl', ['protocol', 'chain'], {
      protocol,
      chain,
      tvl,
      observed_at: observedAt ?? 'now',
      ...fields,
    });
  }

  /** Writes the TVL of several chains of a protocol. */
  async chains(protocol: string, tvls: Readonly<Record<string, number>>, fields?: TvlFields): Promise<void> {
    for (const [chain, tvl] of Object.entries(tvls)) await this.tvl(protocol, chain, tvl, fields);
  }

  price(token: string, price: number, { volume24h, marketCap, ...fields }: PriceFields = {}): Promise<void> {
    return this.upsert('token_prices', ['token'], {
      token,
      price,
      observed_at: 'now',
      ...(volume24h === undefined ? {} : { volume_24h: volume24h }),
      ...(marketCap === undefined ? {} : { market_cap: marketCap }),
      ...fields,
    });
  }

  private async upsert(table: string, key: readonly string[], row: Readonly<Record<string, unknown>>): Promise<void> {
    const columns = Object.keys(row);
    const changed = columns.filter((column) => !key.includes(column)).map((column) => `${column} = excluded.${column}`);
    await this.pool.query(
      `INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map((_, index) => `$${index + 1}`).join()})
       ON CONFLICT (${key.join()}) DO UPDATE SET ${changed.join()}`,
      Object.values(row),
    );
  }
}
