import type { ChainEventsQuery } from './chain-events.dto.js';
import type { ChainScope, ScopeContract } from './watched-scopes.js';

/** Position of a row in the list of one chain; the hash tells retracted events of one place apart. */
export interface RowPosition {
  readonly block: number;
  readonly log: number;
  /** Hash of the block without `0x`. */
  readonly hash: string;
}

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Most tokens of an event of each class of `onchain_span`; class 4 has no bound. */
const CLASS_TOKENS = [1, 32, 1_024, 32_768];
const COLUMNS = `l.contract, l.block_number AS block, l.log_index AS log, l.kind, l.canonical, l.block_ms AS at,
  l.transaction_index AS "transactionIndex", encode(l.block_hash, 'hex') AS hash, encode(l.transaction_hash, 'hex') AS transaction,
  '0x' || encode(l.sender, 'hex') AS sender, '0x' || encode(l.recipient, 'hex') AS recipient,
  '0x' || encode(l.staker, 'hex') AS staker, l.start_token_id::text AS start, l.quantity::text AS quantity,
  l.token_ids::text[] AS ids, l.quantities::text[] AS quantities, l.error`;

/** Collects the values of a statement; each gets a number. */
class Values {
  readonly list: unknown[] = [];

  add(value: unknown): string {
    return `$${this.list.push(value)}`;
  }
}

/**
 * Returns the statement that reads up to `limit` rows of one chain in order. Every condition has an index in this order, or
 * one that leaves few rows to sort.
 */
export function eventsStatement(
  query: ChainEventsQuery,
  scope: ChainScope,
  after: RowPosition | undefined,
  limit: number,
): Statement {
  const values = new Values();
  const retracted = query.status === 'retracted';
  const order = `l.block_number, l.log_index${retracted ? ', l.block_hash' : ''}`;
  const conditions = [
    `l.chain = ${values.add(scope.id)}`,
    retracted ? 'NOT l.canonical' : 'l.canonical',
    ...rangeConditions(query, scope, values),
    ...(query.type === undefined ? [] : [typeCondition(query, values.add(query.type))]),
    ...(query.staker === undefined ? [] : [`l.staker = ${values.add(bytea(query.staker))}`]),
    ...(after === undefined ? [] : [afterCondition(after, retracted, values)]),
  ];
  const limited = `ORDER BY ${order} LIMIT ${values.add(limit)}`;
  if (query.processed === false && !retracted) {
    const { contracts } = scope;
    const behind = ['l.contract = p.contract', '(l.block_number, l.log_index) > (p.block, p.log)', ...conditions];
    const text = `SELECT ${COLUMNS} FROM unnest(${positions(contracts, values)}) AS p (contract, block, log)
      CROSS JOIN LATERAL (${sourceOf(query.tokenId, behind, limited, values)} ${limited}) l ${limited}`;
    return { text, values: values.list };
  }
  conditions.push(contractCondition(scope.contracts, values));
  if (query.processed !== undefined) conditions.push(...processedConditions(query.processed, scope, retracted, values));
  const source = sourceOf(query.tokenId, conditions, limited, values);
  return { text: `SELECT ${COLUMNS} FROM (${source}) l ${limited}`, values: values.list };
}

/**
 * Rows that meet the conditions. Events of a token alone are read in order from its index; those of several tokens are few
 * and are all read before they are sorted: the planner would else look for them among all rows in order.
 */
function sourceOf(tokenId: string | undefined, conditions: readonly string[], limited: string, values: Values): string {
  const rows = (...more: string[]): string =>
    `SELECT l.* FROM onchain_logs l WHERE ${[...more, ...conditions].join(' AND ')}`;
  if (tokenId === undefined) return rows();
  const id = `${values.add(tokenId)}::numeric`;
  const several = [1, 2, 3, 4].map((span) => {
    const most = CLASS_TOKENS[span];
    const least = most === undefined ? '' : ` AND l.start_token_id > ${id} - ${most}`;
    return `(onchain_span(l.kind, l.quantity) = ${span} AND l.start_token_id <= ${id}${least}
      AND l.start_token_id + l.quantity > ${id})`;
  });
  return `SELECT l.* FROM ((${rows(`onchain_span(l.kind, l.quantity) = 0 AND l.start_token_id = ${id}`)} ${limited})
    UNION ALL (${rows(`(${several.join(' OR ')})`)} OFFSET 0)
    UNION ALL (${rows(`l.token_ids @> ARRAY[${id}]`)} OFFSET 0)) l`;
}

const bytea = (hex: string): string => `\\x${hex.slice(2)}`;

function rangeConditions(
  { fromBlock, toBlock, status }: ChainEventsQuery,
  scope: ChainScope,
  values: Values,
): string[] {
  const from = Math.max(fromBlock ?? 0, status === 'pending' ? scope.finalNumber + 1 : 0);
  const to = Math.min(toBlock ?? Infinity, status === 'final' ? scope.finalNumber : Infinity);
  return [
    ...(from > 0 ? [`l.block_number >= ${values.add(from)}`] : []),
    ...(to < Infinity ? [`l.block_number <= ${values.add(to)}`] : []),
  ];
}

function afterCondition({ block, log, hash }: RowPosition, retracted: boolean, values: Values): string {
  const [b, l] = [values.add(block), values.add(log)];
  if (!retracted) return `(l.block_number, l.log_index) > (${b}, ${l})`;
  return `(l.block_number, l.log_index, l.block_hash) > (${b}, ${l}, ${values.add(`\\x${hash}`)})`;
}

/** Half of the events of a staker have the type, which the planner would estimate by all events, and read all of the staker. */
function typeCondition({ staker }: ChainEventsQuery, type: string): string {
  return staker === undefined ? `l.kind = ${type}` : `CASE WHEN l.kind = ${type} THEN true ELSE false END`;
}

function contractCondition(contracts: readonly ScopeContract[], values: Values): string {
  const [first, ...others] = contracts;
  if (first !== undefined && others.length === 0) return `l.contract = ${values.add(first.id)}`;
  return `l.contract = ANY (${values.add(contracts.map(({ id }) => id))}::int[])`;
}

function positions(contracts: readonly ScopeContract[], values: Values): string {
  const [ids, blocks, logs] = [
    values.add(contracts.map(({ id }) => id)),
    values.add(contracts.map(({ block }) => block)),
    values.add(contracts.map(({ log }) => log)),
  ];
  return `${ids}::int[], ${blocks}::bigint[], ${logs}::int[]`;
}

/** Projected rows end at the newest position of all streams; each row is then compared with the position of its own. */
function processedConditions(processed: boolean, scope: ChainScope, retracted: boolean, values: Values): string[] {
  // Retracted events are in no state.
  if (retracted) return processed ? ['false'] : [];
  const newest = scope.contracts.reduce((highest, { block }) => Math.max(highest, block), -1);
  return [
    `l.block_number <= ${values.add(newest)}`,
    `EXISTS (SELECT FROM unnest(${positions(scope.contracts, values)}) AS p (contract, block, log)
      WHERE p.contract = l.contract AND (l.block_number, l.log_index) <= (p.block, p.log))`,
  ];
}
