import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Figures of five minutes are metrics of Prometheus; nothing wrote or read the table. */
export class OnchainFiveMinutes1790000034600 implements MigrationInterface {
  readonly name = 'OnchainFiveMinutes1790000034600';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE onchain_metrics_5m');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE onchain_metrics_5m (
  chain smallint NOT NULL,
  bucket timestamptz NOT NULL,
  events bigint NOT NULL DEFAULT 0,
  p95_lag_ms double precision,
  errors bigint NOT NULL DEFAULT 0,
  retries bigint NOT NULL DEFAULT 0,
  reorgs integer NOT NULL DEFAULT 0,
  max_depth integer NOT NULL DEFAULT 0,
  PRIMARY KEY (chain, bucket)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON onchain_metrics_5m TO rta_app;`);
  }
}
