import type { MigrationInterface, QueryRunner } from 'typeorm';
import { COUNTS_AS_NOW, METRICS, outside, publishFunction, type Metric } from './capture/triggers.js';

/**
 * Keeps a time that a writer gives, even if it equals the stored one. Only a publishing statement that does not name the
 * column counts as observed now, and at least a millisecond after the stored time, even if the clock was set back.
 *
 * PostgreSQL distinguishes the two cases by `UPDATE OF`. The first trigger publishes for statements that name the column;
 * the value is then published, so the condition of the second trigger, which compares again, is false.
 */
const countsAsNowUnlessGiven = (value: string): string => `
  IF TG_NARGS = 0 AND NEW.observed_at = OLD.observed_at AND NEW.${value} <> OLD.${value} THEN
    NEW.observed_at := greatest(clock_timestamp(), OLD.observed_at + interval '1 millisecond');
  END IF;`;

const keepGivenTime = (m: Metric): string => `
CREATE TRIGGER zy_capture_publish_given BEFORE UPDATE OF observed_at ON ${m.table} FOR EACH ROW
  WHEN (NEW.published_value IS NULL OR (${outside(m.value)})) EXECUTE FUNCTION capture_publish_${m.metric}('given');`;

export class ObservationTimes1790000009100 implements MigrationInterface {
  readonly name = 'ObservationTimes1790000009100';

  async up(runner: QueryRunner): Promise<void> {
    for (const m of METRICS) {
      await runner.query(publishFunction(m, countsAsNowUnlessGiven(m.value)) + keepGivenTime(m));
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const m of METRICS) {
      await runner.query(`DROP TRIGGER zy_capture_publish_given ON ${m.table};
${publishFunction(m, COUNTS_AS_NOW(m.value))}`);
    }
  }
}
