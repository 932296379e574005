import type { MetricRows } from './metric-row.js';

export const ONCHAIN = {
  onchain_rpc_calls_total: {
    type: 'counter',
    unit: '1',
    labels: { chain: 32, kind: 16 },
    help: 'Calls of endpoints by chain and kind, without looks for a new block that found none.',
  },
  onchain_rpc_attempts_total: {
    type: 'counter',
    unit: '1',
    labels: { chain: 32, outcome: 16, repeated: 2 },
    help: 'Attempts of steps, which read what is new from one endpoint, by chain, outcome (ok, failed), and whether an earlier attempt of the step had failed.',
  },
  onchain_events_total: {
    type: 'counter',
    unit: 'events',
    labels: { chain: 32 },
    help: 'Events that followers have stored and projected, by chain.',
  },
  onchain_block_lag_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: { chain: 32 },
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    help: 'Time from the time of a new block until it is projected, in seconds, by chain; final blocks of a backfill are left out.',
  },
  onchain_reorg_depth_blocks: {
    type: 'histogram',
    unit: 'blocks',
    labels: { chain: 32 },
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    help: 'Blocks that a reorganisation replaced, by chain; its count is the number of reorganisations.',
  },
  onchain_omitted_logs_total: {
    type: 'counter',
    unit: '1',
    labels: { chain: 32 },
    help: 'Logs that endpoints left out of answers, as found when blocks were read again.',
  },
  onchain_healed_logs_total: {
    type: 'counter',
    unit: '1',
    labels: { chain: 32 },
    help: 'Logs that had been left out and were stored when blocks were read again.',
  },
  onchain_alarm: {
    type: 'gauge',
    unit: 'state',
    labels: { chain: 32, code: 32 },
    help: '1 while an alarm of the chain holds, by its code.',
  },
  onchain_invariant_violations_total: {
    type: 'counter',
    unit: '1',
    labels: { chain: 32, check: 16 },
    help: 'Checks that found an invariant of a chain violated, by chain and check.',
  },
  onchain_processing_delay_seconds: {
    type: 'gauge',
    unit: 'seconds',
    labels: { chain: 32 },
    help: 'Age of the oldest block that is not projected, in seconds, by chain; 0 if none waits, or while the chain catches up.',
  },
  onchain_blocks_left: {
    type: 'gauge',
    unit: 'blocks',
    labels: { chain: 32 },
    help: 'Blocks between the projected one and the newest, by chain.',
  },
  onchain_dead_logs: {
    type: 'gauge',
    unit: '1',
    labels: { chain: 32 },
    help: 'Logs that cannot be decoded or projected, by chain: each stops its contract.',
  },
  onchain_endpoints: {
    type: 'gauge',
    unit: '1',
    labels: { chain: 32, state: 8 },
    help: 'Endpoints of the chains that this process follows, by chain and state (in_use, standby, out).',
  },
} as const satisfies MetricRows;
