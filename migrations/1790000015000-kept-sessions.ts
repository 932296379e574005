import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Sessions of connections, with which clients reconnect to any process, even after the previous process has ended. A live
 * process reports in `realtime_pods`; sessions of a killed process are restored, too.
 */
const up = `
CREATE TABLE realtime_sessions (
  token text PRIMARY KEY,
  owner text NOT NULL,
  pod text NOT NULL,
  user_id text NOT NULL,
  kept text NOT NULL,
  ends_at timestamptz
);
COMMENT ON TABLE realtime_sessions IS 'Subscriptions of connections, for the return of their clients.';
COMMENT ON COLUMN realtime_sessions.owner IS 'The connection that holds the session; no other writes the row.';
COMMENT ON COLUMN realtime_sessions.ends_at IS 'Until when it is kept; null while the connection is open.';
CREATE TABLE realtime_pods (
  pod text PRIMARY KEY,
  seen_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE realtime_pods IS 'When each process last said that it holds connections.';
GRANT SELECT, INSERT, UPDATE, DELETE ON realtime_sessions, realtime_pods TO rta_app;
`;

const down = `
DROP TABLE realtime_sessions;
DROP TABLE realtime_pods;
`;

export class KeptSessions1790000015000 implements MigrationInterface {
  readonly name = 'KeptSessions1790000015000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
