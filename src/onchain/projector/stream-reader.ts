import type { StreamContract } from '../core/index.js';
import { RULES_VERSION } from './point-rules.js';
import type { Queries } from './row-loader.js';

/** Log index of a position that has the whole block behind it. */
export const WHOLE_BLOCK = 2_147_483_647;

/** Everything up to this log of this block is projected. */
export interface Position {
  readonly block: number;
  readonly log: number;
}

export const isAfter = (a: Position, b: Position): boolean =>
  a.block > b.block || (a.block === b.block && a.log > b.log);

/** Stream as it stands, and how far it may go. */
export interface StreamState extends Position {
  readonly chainName: string;
  readonly final: number;
  readonly caughtUp: boolean;
  readonly haltedReason: string | null;
  readonly contracts: readonly StreamContract[];
  /** Whether the stream projects a contract anew beside its present state: nothing of it is published. */
  readonly isShadow: boolean;
  /** Newest block up to which the logs of all contracts are stored without a gap. */
  readonly covered: number;
  /** First log that stops the stream. */
  readonly dead: (Position & { readonly reason: string }) | null;
  /** Whether logs above the position are to be left out. */
  readonly hasSkips: boolean;
  readonly rules: string;
  readonly contractIds: string;
}

/** Statement part that changes when a contract joins or leaves the stream `s`, or is swapped. */
export const CONTRACT_IDS = `(SELECT coalesce(string_agg(c.id || coalesce('/' || c.shadow_of, ''), ',' ORDER BY c.id), '')
  FROM onchain_contracts c WHERE c.stream = s.id)`;

/**
 * `covered`: the end of the range that contains the next block; blocks before a contract's first count as covered. The next
 * block is the position's own while a part of it is left.
 */
const READ = `SELECT h.name AS "chainName", h.final_number AS final, s.block, s.log, s.caught_up AS "caughtUp",
    s.halted_reason AS "haltedReason", ${RULES_VERSION} AS rules,
    ${CONTRACT_IDS} AS "contractIds",
    (SELECT jsonb_agg(jsonb_build_object('id', c.id, 'address', '0x' || encode(c.address, 'hex'), 'standard', c.standard,
      'token', '0x' || encode(c.token, 'hex')) ORDER BY c.id) FROM onchain_contracts c WHERE c.stream = s.id) AS contracts,
    EXISTS (SELECT FROM onchain_contracts c WHERE c.stream = s.id AND c.shadow_of IS NOT NULL) AS "isShadow",
    (SELECT min(coalesce((SELECT upper(r) - 1 FROM unnest(c.covered + int8multirange(int8range(-1, greatest(c.from_block, 0)))) AS r
        WHERE r @> n.next), n.next - 1)) FROM onchain_contracts c WHERE c.stream = s.id) AS covered,
    (SELECT jsonb_build_object('block', d.block_number, 'log', d.log_index, 'reason', d.code || ': ' || d.detail)
      FROM onchain_dead_logs d WHERE d.stream = s.id AND d.canonical AND d.resolution IS NULL
      ORDER BY d.block_number, d.log_index LIMIT 1) AS dead,
    EXISTS (SELECT FROM onchain_dead_logs d WHERE d.stream = s.id AND d.canonical AND d.resolution = 'skipped'
      AND d.block_number >= s.block) AS "hasSkips"
  FROM onchain_streams s JOIN onchain_chains h ON h.id = s.chain
    CROSS JOIN LATERAL (SELECT CASE WHEN s.log = ${WHOLE_BLOCK} THEN s.block + 1 ELSE s.block END AS next) AS n
  WHERE s.id = $1`;

/** Returns undefined if there is no such stream. */
export async function readStream(db: Queries, stream: number): Promise<StreamState | undefined> {
  const { rows } = await db.query<StreamState>({ name: 'onchain_read_stream', text: READ, values: [stream] });
  const [state] = rows;
  return state === undefined || state.contracts === null ? undefined : state;
}
