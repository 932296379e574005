import { Injectable } from '@nestjs/common';
import { eventId } from '../../events/index.js';
import { Database } from '../../platform/database/database.js';
import { decodeCursor, encodeCursor } from '../../platform/http/paging/list-cursor.js';
import { pageInfo } from '../../platform/http/paging/page.js';
import { isoTime } from '../../platform/input/time.js';
import { onchainId } from '../core/index.js';
import { eventsStatement, type RowPosition } from './chain-events-statement.js';
import type { ChainEventsAnswer, ChainEventsQuery, ChainEventView } from './chain-events.dto.js';
import { chainScopes, type ChainScope, type ScopeContract } from './watched-scopes.js';

interface LogRow {
  contract: number;
  block: number;
  log: number;
  kind: string;
  canonical: boolean;
  at: number;
  transactionIndex: number;
  hash: string;
  transaction: string;
  sender: string | null;
  recipient: string | null;
  staker: string | null;
  start: string | null;
  quantity: string | null;
  ids: string[] | null;
  quantities: string[] | null;
  error: string | null;
}

/** Row with what was found beside it. */
interface FoundRow {
  readonly row: LogRow;
  readonly scope: ChainScope;
  readonly contract: ScopeContract;
}

/** Highest log index, as the database stores it. */
const MAX_LOG_INDEX = 0x7fffffff;

/** Reads stored events of watched contracts. */
@Injectable()
export class ChainEvents {
  constructor(private readonly database: Database) {}

  /** Returns a page in the order of chain, block and log index. */
  async list(query: ChainEventsQuery): Promise<ChainEventsAnswer> {
    const { limit, cursor, ...filter } = query;
    const scopeOfCursor = ['onchain-events', filter];
    const after = positionOf(decodeCursor(scopeOfCursor, cursor, ['string', 'number', 'number', 'string']));
    const found = await this.rows(query, limit + 1, after);
    const shown = found.slice(0, limit);
    const last = found.length > limit ? shown.at(-1) : undefined;
    const next =
      last === undefined
        ? null
        : encodeCursor(scopeOfCursor, [last.scope.name, last.row.block, last.row.log, last.row.hash]);
    return { data: await this.views(shown), page: pageInfo(next) };
  }

  /** Reads chain after chain until the page is full. */
  private async rows(
    query: ChainEventsQuery,
    limit: number,
    after: { chain: string; position: RowPosition } | undefined,
  ): Promise<FoundRow[]> {
    const found: FoundRow[] = [];
    for (const scope of await chainScopes(this.database, query)) {
      if (after !== undefined && scope.name < after.chain) continue;
      const position = scope.name === after?.chain ? after.position : undefined;
      const { text, values } = eventsStatement(query, scope, position, limit - found.length);
      const contracts = new Map(scope.contracts.map((contract) => [contract.id, contract]));
      for (const row of await this.database.query<LogRow & Record<string, unknown>>(text, values)) {
        const contract = contracts.get(row.contract);
        if (contract !== undefined) found.push({ row, scope, contract });
      }
      if (found.length >= limit) break;
    }
    return found;
  }

  private async views(found: readonly FoundRow[]): Promise<ChainEventView[]> {
    const [eventIds, times] = await Promise.all([this.eventIds(found.map(onchainIdOf)), this.processedTimes(found)]);
    return found.map((each, at) => viewOf(each, eventIds.get(onchainIdOf(each)) ?? null, times[at] ?? null));
  }

  /** Returns the ids of the first events of the log by on-chain id. */
  private async eventIds(onchainIds: readonly string[]): Promise<Map<string, string>> {
    if (onchainIds.length === 0) return new Map();
    const rows = await this.database.query<{ id: string; seq: number; epoch: string; logged: number }>(
      `SELECT DISTINCT ON (id) id, seq, epoch, logged FROM (
         SELECT data ->> 'onchainId' AS id, seq, epoch, floor(extract(epoch FROM logged_at) * 1000)::bigint AS logged
         FROM event_log
         WHERE type = 'onchain_event' AND data ->> 'onchainId' = ANY ($1)) e ORDER BY id, seq`,
      [onchainIds],
    );
    return new Map(rows.map(({ id, seq, epoch, logged }) => [id, eventId({ seq, epoch, loggedAt: logged })]));
  }

  /** Returns when the projection passed each row. */
  private async processedTimes(found: readonly FoundRow[]): Promise<(Date | null)[]> {
    if (found.length === 0) return [];
    const rows = await this.database.query<{ at: Date | null }>(
      `SELECT (SELECT p.at FROM onchain_projections p WHERE p.stream = r.stream AND (p.block, p.log) >= (r.block, r.log)
         ORDER BY p.block, p.log LIMIT 1) AS at
       FROM unnest($1::int[], $2::bigint[], $3::int[]) WITH ORDINALITY AS r (stream, block, log, place) ORDER BY place`,
      [
        found.map(({ contract }) => contract.stream),
        found.map(({ row }) => row.block),
        found.map(({ row }) => row.log),
      ],
    );
    return rows.map(({ at }) => at);
  }
}

function positionOf(
  values: readonly (string | number | null)[] | undefined,
): { chain: string; position: RowPosition } | undefined {
  const [chain, block, log, hash] = values ?? [];
  if (typeof chain !== 'string' || !Number.isSafeInteger(block)) return undefined;
  if (!Number.isInteger(log) || Math.abs(Number(log)) > MAX_LOG_INDEX) return undefined;
  const isHash = typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash);
  return { chain, position: { block: Number(block), log: Number(log), hash: isHash ? hash : '' } };
}

const onchainIdOf = ({ row, scope }: FoundRow): string => onchainId(scope.name, `0x${row.hash}`, row.log);

function viewOf(found: FoundRow, eventId: string | null, processedAt: Date | null): ChainEventView {
  const { row, scope, contract } = found;
  const isBefore = row.block < contract.block || (row.block === contract.block && row.log <= contract.log);
  const processed = row.canonical && isBefore;
  return {
    id: `${row.block}-0x${row.transaction}-${row.log}`,
    eventId,
    onchainId: onchainIdOf(found),
    chain: scope.name,
    contract: `0x${contract.address}`,
    kind: row.kind,
    blockNumber: row.block,
    blockHash: `0x${row.hash}`,
    transactionHash: `0x${row.transaction}`,
    transactionIndex: row.transactionIndex,
    logIndex: row.log,
    timestamp: isoTime(row.at),
    from: row.sender,
    to: row.recipient,
    startTokenId: row.start,
    quantity: row.quantity,
    ...(row.ids === null ? {} : { tokenIds: row.ids }),
    ...(row.quantities === null ? {} : { quantities: row.quantities }),
    ...(row.staker === null ? {} : { staker: row.staker }),
    status: row.canonical ? (row.block <= scope.finalNumber ? 'final' : 'pending') : 'retracted',
    processed,
    processedAt: processed ? (processedAt?.toISOString() ?? null) : null,
    error: row.error,
  };
}
