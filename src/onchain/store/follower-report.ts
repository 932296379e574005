import type { Database } from '../../platform/database/database.js';

/** State of an endpoint. Addresses are shown without path and query, which may contain keys. */
export interface EndpointState {
  readonly url: string;
  readonly state: 'in_use' | 'standby' | 'out';
  /** Newest block that the endpoint named; null if it has not answered yet. */
  readonly height: number | null;
  /** Reason why the endpoint is out. */
  readonly reason?: string;
}

/** Report of the process that follows a chain, so that every process can answer for it. */
export interface FollowerReport {
  readonly endpoints: readonly EndpointState[];
  /** Events and blocks stored per second, averaged over the last seconds. */
  readonly eventsPerSecond: number;
  readonly blocksPerSecond: number;
}

/** Stores the report of a chain's follower in place of the previous one; called about once a second by the leader. */
export async function reportFollower(database: Database, chain: number, report: FollowerReport): Promise<void> {
  await database.query(
    `INSERT INTO onchain_followers (chain, endpoints, events_per_second, blocks_per_second) VALUES ($1, $2, $3, $4)
     ON CONFLICT (chain) DO UPDATE SET endpoints = excluded.endpoints, events_per_second = excluded.events_per_second,
       blocks_per_second = excluded.blocks_per_second, reported_at = clock_timestamp()`,
    [chain, JSON.stringify(report.endpoints), report.eventsPerSecond, report.blocksPerSecond],
  );
}
