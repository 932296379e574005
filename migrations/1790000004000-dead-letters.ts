import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Adds tables for events that readers of the log could not handle, for the position of the sample source, and for the
 * idempotency keys of posted events.
 */
export class DeadLetters1790000004000 implements MigrationInterface {
  readonly name = 'DeadLetters1790000004000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE dead_letters (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        reader text NOT NULL CHECK (length(reader) BETWEEN 1 AND 128),
        epoch text NOT NULL,
        seq bigint NOT NULL,
        event jsonb NOT NULL,
        reason text NOT NULL CHECK (length(reason) <= 2000),
        failures integer NOT NULL CHECK (failures > 0),
        first_failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        last_failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (reader, epoch, seq)
      );
      COMMENT ON TABLE dead_letters IS
        'Events that a reader of the log gave up on, with the reason and how often it failed. Kept until retried or discarded.';
      GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letters TO rta_app;

      CREATE TABLE sample_playback (
        one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
        played_seconds double precision NOT NULL CHECK (played_seconds >= 0 AND played_seconds <= 1e15),
        begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        history_filled boolean NOT NULL DEFAULT false,
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
      ) WITH (fillfactor = 10);
      COMMENT ON TABLE sample_playback IS 'How many recorded seconds the sample source has played; it goes on from there.';
      GRANT SELECT, INSERT, UPDATE ON sample_playback TO rta_app;

      CREATE TABLE posted_events (
        user_id text,
        idempotency_key text CHECK (length(idempotency_key) <= 200),
        body_hash text NOT NULL,
        posted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
        PRIMARY KEY (user_id, idempotency_key)
      );
      CREATE INDEX posted_events_age ON posted_events (posted_at);
      COMMENT ON TABLE posted_events IS 'Idempotency keys of posted events, kept for a day: a repeated post adds no event.';
      GRANT SELECT, INSERT, DELETE ON posted_events TO rta_app;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE posted_events, sample_playback, dead_letters');
  }
}
