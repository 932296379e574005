/** Limits of one connection. Tests use smaller numbers; production runs with these. */
export interface RealtimeLimits {
  /** Time between two heartbeats of one connection, ms. */
  heartbeatMs: number;
  /** Bytes waiting for the network at which a connection is switched to `latest`. */
  softMarkBytes: number;
  /** Bytes waiting at which a slow connection is closed. */
  hardMarkBytes: number;
  /** Maximum time that a connection may stay above the soft mark before it is closed, ms. */
  slowGraceMs: number;
  /** Maximum number of events, and maximum duration (ms), of one replay. */
  replayEvents: number;
  replayMs: number;
  /** Number of events that a replay reads at once; other connections are served between two reads. */
  replayChunk: number;
  /** Items per `snapshot` message. */
  snapshotPart: number;
  subscriptionsPerConnection: number;
  /**
   * Maximum number of protocols, chains and tokens in the filters of one connection; each takes up to 1.2 KB of the
   * index.
   */
  namesPerConnection: number;
  /** Maximum number of changes of one connection that wait for a replay to end. */
  waitingChanges: number;
  /** Maximum number of keys that the buffer of `latest` stores for one connection. */
  latestKeys: number;
}

export const REALTIME_LIMITS: RealtimeLimits = {
  heartbeatMs: 15_000,
  softMarkBytes: 256 * 1024,
  hardMarkBytes: 1024 * 1024,
  slowGraceMs: 10_000,
  replayEvents: 100_000,
  replayMs: 30_000,
  replayChunk: 500,
  snapshotPart: 500,
  subscriptionsPerConnection: 1_000,
  namesPerConnection: 20_000,
  waitingChanges: 100,
  latestKeys: 50_000,
};

/** Bounds and default of `intervalMs`, the interval of `latest`, ms. */
export const LATEST_INTERVAL = { min: 100, max: 60_000, default: 1_000 } as const;
