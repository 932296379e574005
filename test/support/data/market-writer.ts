import type { Pool } from 'pg';

/** Writes like any program with the database's address: plain SQL on the public tables. */
export class MarketWriter {
  constructor(private readonly pool: Pool) {}

  async protocol(slug: string, name = slug, category = 'Dexs'): Promise<void> {
    await this.pool.query('INSERT INTO protocols (slug, name, category) VALUES ($1, $2, $3)', [slug, name, category]);
  }

  async tvl(protocol: string, chain: string, tvl: number): Promise<void> {
    await this.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, $2, $3)
       ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl, observed_at = now()`,
      [protocol, chain, tvl],
    );
  }

  async price(token: string, price: number, chain: string | null = null): Promise<void> {
    await this.pool.query(
      `INSERT INTO token_prices (token, price, chain) VALUES ($1, $2, $3)
       ON CONFLICT (token) DO UPDATE SET price = excluded.price, observed_at = now()`,
      [token, price, chain],
    );
  }
}
