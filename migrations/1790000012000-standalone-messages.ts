import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Messages about an event, a change or a crossing are all sent; only a message about the current value of a subject is
 * superseded by a newer one.
 */
const up = `
ALTER TABLE deliveries ADD COLUMN standalone boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN deliveries.standalone IS 'Tells what happened: no newer message makes it needless.';
`;

const down = `
ALTER TABLE deliveries DROP COLUMN standalone;
`;

export class StandaloneMessages1790000012000 implements MigrationInterface {
  readonly name = 'StandaloneMessages1790000012000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
