import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { decodeCursor, encodeCursor } from '../../platform/http/paging/list-cursor.js';
import { pageInfo } from '../../platform/http/paging/page.js';
import { isoTime } from '../../platform/input/time.js';
import { isUint256 } from '../config/onchain-fields.js';
import type { ChainTokensAnswer, ChainTokensQuery, TokenView } from './chain-status.dto.js';

interface TokenRow {
  contract: number;
  tokenId: string;
  owner: string;
  staker: string | null;
  quantity: string;
  since: number;
}

/** Place in the list: unique tokens come first, then balances. */
interface Place {
  readonly isBalance: boolean;
  readonly contract: number;
  readonly tokenId: string;
  /** Account of a balance; empty for a unique token. */
  readonly account: string;
}

interface Names {
  readonly ids: readonly number[];
  readonly byId: ReadonlyMap<number, { chain: string; address: string }>;
}

/** Reads who owns and stakes tokens. */
@Injectable()
export class TokenLookups {
  constructor(private readonly database: Database) {}

  async list(query: ChainTokensQuery): Promise<ChainTokensAnswer> {
    const { limit, cursor, ...filter } = query;
    const scope = ['onchain-tokens', filter];
    const after = placeOf(decodeCursor(scope, cursor, ['string', 'number', 'string', 'string']));
    const names = await this.contracts(filter);
    const found: Found[] = [];
    for (const isBalance of [false, true]) {
      if (after !== undefined && after.isBalance && !isBalance) continue;
      const within = after?.isBalance === isBalance ? after : undefined;
      const rest = limit + 1 - found.length;
      if (rest > 0) found.push(...(await this.rows(isBalance, names.ids, filter.account, within, rest)));
    }
    const shown = found.slice(0, limit);
    const last = found.length > limit ? shown.at(-1) : undefined;
    const next = last === undefined ? null : encodeCursor(scope, cursorOf(last));
    return { data: shown.map(({ row }) => viewOf(row, names)), page: pageInfo(next) };
  }

  private async contracts({ chain, contract }: ChainTokensQuery | Omit<ChainTokensQuery, 'limit'>): Promise<Names> {
    const rows = await this.database.query<{ id: number; chain: string; address: string }>(
      `SELECT c.id, h.name AS chain, '0x' || encode(c.address, 'hex') AS address
       FROM onchain_contracts c JOIN onchain_chains h ON h.id = c.chain WHERE c.shadow_of IS NULL
         AND ($1::text IS NULL OR h.name = $1) AND ($2::bytea IS NULL OR c.address = $2)`,
      [chain ?? null, contract === undefined ? null : bytea(contract)],
    );
    return { ids: rows.map(({ id }) => id), byId: new Map(rows.map((row) => [row.id, row])) };
  }

  private async rows(
    isBalance: boolean,
    contracts: readonly number[],
    account: string | undefined,
    after: Place | undefined,
    limit: number,
  ): Promise<Found[]> {
    const owner = account === undefined ? null : bytea(account);
    const values = [contracts, owner, after?.contract ?? -1, after?.tokenId ?? '-1', limit];
    const rows = isBalance
      ? await this.database.query<TokenRow & Record<string, unknown>>(balances(owner !== null), [
          ...values,
          after === undefined ? '\\x' : bytea(after.account),
        ])
      : await this.database.query<TokenRow & Record<string, unknown>>(tokens(owner !== null), values);
    return rows.map((row) => ({ isBalance, row }));
  }
}

interface Found {
  readonly isBalance: boolean;
  readonly row: TokenRow;
}

const bytea = (hex: string): string => `\\x${hex.slice(2)}`;
const TOKEN_COLUMNS = `contract, token_id::text AS "tokenId", '0x' || encode(owner, 'hex') AS owner,
  '0x' || encode(staker, 'hex') AS staker, '1' AS quantity, since_ms AS since, token_id`;

/** Each part is read in the order of its index, so that a page of a million tokens reads only its own rows. */
function tokens(hasAccount: boolean): string {
  const part = (condition: string): string => `(SELECT ${TOKEN_COLUMNS} FROM onchain_tokens
    WHERE ${condition} AND contract = ANY ($1::int[]) AND (contract, token_id) > ($3::int, $4::numeric)
    ORDER BY contract, token_id LIMIT $5)`;
  // The parameter has a type also where there is no account.
  if (!hasAccount) return part('owner IS NOT NULL AND $2::bytea IS NULL');
  return `${part('owner = $2::bytea')} UNION ${part('staker = $2::bytea')} ORDER BY contract, token_id LIMIT $5`;
}

function balances(hasAccount: boolean): string {
  const [condition, after, order] = hasAccount
    ? [
        'account = $2::bytea AND $6::bytea IS NOT NULL',
        '(contract, token_id) > ($3::int, $4::numeric)',
        'contract, token_id',
      ]
    : [
        '$2::bytea IS NULL',
        '(contract, account, token_id) > ($3::int, $6::bytea, $4::numeric)',
        'contract, account, token_id',
      ];
  return `SELECT contract, token_id::text AS "tokenId", '0x' || encode(account, 'hex') AS owner, NULL AS staker,
      quantity::text AS quantity, since_ms AS since
    FROM onchain_balances WHERE ${condition} AND quantity > 0 AND contract = ANY ($1::int[]) AND ${after}
    ORDER BY ${order} LIMIT $5`;
}

const cursorOf = ({ isBalance, row }: Found): [string, number, string, string] => [
  isBalance ? 'balance' : 'token',
  row.contract,
  row.tokenId,
  isBalance ? row.owner : '',
];

/** Returns the place of a cursor; the first one if a client changed the values. */
function placeOf(values: readonly (string | number | null)[] | undefined): Place | undefined {
  const [kind, contract, tokenId, account] = values ?? [];
  if (typeof contract !== 'number' || !Number.isInteger(contract) || Math.abs(contract) > 0x7fffffff) return undefined;
  if (typeof tokenId !== 'string' || !isUint256(tokenId)) return undefined;
  if (typeof account !== 'string' || !/^(?:0x[0-9a-f]{40})?$/.test(account)) return undefined;
  return { isBalance: kind === 'balance', contract, tokenId, account };
}

function viewOf(row: TokenRow, { byId }: Names): TokenView {
  const { chain = '', address = '' } = byId.get(row.contract) ?? {};
  const { tokenId, owner, staker, quantity } = row;
  return { chain, contract: address, tokenId, owner, staker, quantity, since: isoTime(row.since) };
}
