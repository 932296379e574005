import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds the lowest missing block of each chain, with the time since which it has been missing. */
export class OnchainStalls1790000034700 implements MigrationInterface {
  readonly name = 'OnchainStalls1790000034700';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE onchain_stalls (
  chain smallint PRIMARY KEY REFERENCES onchain_chains ON DELETE CASCADE,
  block bigint NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE onchain_stalls IS 'Lowest block of each chain whose logs some contract lacks, and since when it has been the lowest.';
GRANT SELECT, INSERT, UPDATE, DELETE ON onchain_stalls TO rta_app;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE onchain_stalls');
  }
}
