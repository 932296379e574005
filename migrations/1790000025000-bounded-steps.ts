import type { MigrationInterface, QueryRunner } from 'typeorm';
import { readFunction } from './capture/read-function.js';
import { stepFunction } from './capture/step-function.js';

const rights = (step: string, read: string): string => `
REVOKE ALL ON FUNCTION ${step}, ${read} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ${step}, ${read} TO rta_app;`;

const STEP = 'sequencer_step(text, bigint, integer)';
const BOUNDED_STEP = 'sequencer_step(text, bigint, integer, bigint)';
const READ = 'read_event_log(bigint, bigint, integer, text[], text, text, text, boolean, text)';
const BOUNDED_READ = 'read_event_log(bigint, bigint, integer, text[], text, text, text, boolean, text, bigint)';

/**
 * Bounds steps of the sequencer and pages of the log by the size of their data as well as by rows. The size is stored, because
 * computing it means to decompress the data of every row that a step or page might take. The functions keep their former
 * parameters and results: processes of the previous version continue to call them.
 */
export class BoundedSteps1790000025000 implements MigrationInterface {
  readonly name = 'BoundedSteps1790000025000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE change_outbox ADD COLUMN data_bytes integer GENERATED ALWAYS AS (octet_length(data::text)) STORED;
ALTER TABLE event_log ADD COLUMN data_bytes integer;
DROP FUNCTION ${STEP}, ${READ};
${stepFunction(true)}
${readFunction(true)}
${rights(BOUNDED_STEP, BOUNDED_READ)}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
DROP FUNCTION ${BOUNDED_STEP}, ${BOUNDED_READ};
${stepFunction(false)}
${readFunction(false)}
${rights(STEP, READ)}
ALTER TABLE event_log DROP COLUMN data_bytes;
ALTER TABLE change_outbox DROP COLUMN data_bytes;`);
  }
}
