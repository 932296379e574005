import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { isoTime } from '../../platform/input/time.js';
import type { EndpointState } from '../store/follower-report.js';
import type { ChainStatusView, GapView } from './chain-status.dto.js';

interface StatusRow {
  chain: string;
  state: string;
  reason: string | null;
  head: number | null;
  headHash: string | null;
  final: number;
  finalHash: string | null;
  projected: number | null;
  projectedHash: string | null;
  endpoints: EndpointState[] | null;
  eventsPerSecond: number;
  blocksPerSecond: number;
  alarms: { code: string; detail: string; since: number }[];
}

interface GapRow {
  chain: string;
  state: string;
  reason: string | null;
  contract: string;
  from: number;
  to: number;
  paused: boolean;
  isLast: boolean;
  since: number;
}

/** Age at which the rates of a report no longer count, s: the follower reports about once a second. */
const MAX_REPORT_AGE_SECONDS = 10;

/** How far chains are read and projected, and what is missing. Any process answers. */
@Injectable()
export class ChainStatus {
  constructor(private readonly database: Database) {}

  async status(): Promise<{ data: ChainStatusView[] }> {
    const rows = await this.database.query<StatusRow & Record<string, unknown>>(STATUS, [MAX_REPORT_AGE_SECONDS]);
    return { data: rows.map(statusOf) };
  }

  /** Lists the ranges of blocks, up to the newest block, whose logs are not stored. */
  async gaps(chain?: string): Promise<{ data: GapView[] }> {
    const rows = await this.database.query<GapRow & Record<string, unknown>>(GAPS, [chain ?? null]);
    return { data: rows.map(gapOf) };
  }
}

/** A stream whose contract begins above the newest block waits for nothing; of the others the one that is furthest behind counts. */
const STATUS = `SELECT h.name AS chain, h.state, coalesce(h.reason, s.halted) AS reason, h.head_number AS head,
    '0x' || encode(h.head_hash, 'hex') AS "headHash", h.final_number AS final,
    '0x' || encode(h.final_hash, 'hex') AS "finalHash", s.block AS projected,
    '0x' || encode(coalesce(s.block_hash, b.hash), 'hex') AS "projectedHash", f.endpoints,
    coalesce(f.events_per_second, 0) AS "eventsPerSecond", coalesce(f.blocks_per_second, 0) AS "blocksPerSecond",
    coalesce((SELECT jsonb_agg(jsonb_build_object('code', a.code, 'detail', a.detail,
      'since', floor(extract(epoch FROM a.since) * 1000)) ORDER BY a.since) FROM onchain_alarms a WHERE a.chain = h.name), '[]') AS alarms
  FROM onchain_chains h
    LEFT JOIN LATERAL (SELECT CASE WHEN r.reported_at > clock_timestamp() - make_interval(secs => $1) THEN r.events_per_second END
        AS events_per_second, CASE WHEN r.reported_at > clock_timestamp() - make_interval(secs => $1) THEN r.blocks_per_second END
        AS blocks_per_second, r.endpoints FROM onchain_followers r WHERE r.chain = h.id) f ON true
    LEFT JOIN LATERAL (SELECT p.block, p.block_hash, max(p.halted_reason) OVER () AS halted FROM onchain_streams p
      WHERE p.chain = h.id AND (p.block <= h.head_number OR h.head_number IS NULL)
        AND EXISTS (SELECT FROM onchain_contracts c WHERE c.stream = p.id AND c.shadow_of IS NULL AND NOT c.paused)
      ORDER BY p.block, p.log LIMIT 1) s ON true
    LEFT JOIN onchain_blocks b ON b.chain = h.id AND b.number = s.block AND b.canonical
  ORDER BY h.name COLLATE "C"`;

const GAPS = `SELECT h.name AS chain, h.state, h.reason, '0x' || encode(c.address, 'hex') AS contract, c.paused,
    lower(gap) AS from, upper(gap) - 1 AS to, upper(gap) - 1 = h.head_number AS "isLast",
    coalesce(b.at_ms, floor(extract(epoch FROM c.created_at) * 1000))::bigint AS since
  FROM onchain_chains h JOIN onchain_contracts c ON c.chain = h.id
    CROSS JOIN LATERAL unnest(int8multirange(int8range(c.from_block, greatest(h.head_number + 1, c.from_block))) - c.covered) gap
    LEFT JOIN onchain_blocks b ON b.chain = h.id AND b.number = lower(gap) AND b.canonical
  WHERE ($1::text IS NULL OR h.name = $1) AND h.head_number IS NOT NULL
  ORDER BY h.name COLLATE "C", c.id, lower(gap) LIMIT 10000`;

const blockOf = (number: number | null, hash: string | null): { number: number; hash: string | null } | null =>
  number === null || number < 0 ? null : { number, hash };

function statusOf(row: StatusRow): ChainStatusView {
  const { head, eventsPerSecond, blocksPerSecond } = row;
  const projected = row.projected ?? head;
  const blocksLeft = head === null || projected === null ? 0 : Math.max(0, head - Math.max(projected, -1));
  const eta = blocksPerSecond > 0 ? Math.ceil(blocksLeft / blocksPerSecond) : null;
  return {
    chain: row.chain,
    state: row.state,
    ...(row.reason === null ? {} : { reason: row.reason }),
    head: blockOf(head, row.headHash),
    finalized: blockOf(row.final, row.finalHash),
    projected: blockOf(projected, row.projected === null ? row.headHash : row.projectedHash),
    eventsPerSecond,
    blocksLeft,
    etaSeconds: blocksLeft === 0 ? 0 : eta,
    endpoints: [...(row.endpoints ?? [])],
    alarms: row.alarms.map((alarm) => ({ ...alarm, since: isoTime(alarm.since) })),
  };
}

function gapOf({ chain, contract, from, to, since, ...row }: GapRow): GapView {
  const stopped = row.state === 'stopped' ? (row.reason ?? 'stopped') : undefined;
  const reason = row.paused || row.state === 'paused' ? 'paused' : row.isLast ? 'backfill' : 'missing';
  return { chain, contract, fromBlock: from, toBlock: to, since: isoTime(since), reason: stopped ?? reason };
}
