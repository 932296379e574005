import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Database } from '../../platform/database/database.js';
import { SecretBox } from '../../platform/secrets/secret-box.js';
import type { Address, Standard } from '../core/index.js';
import type { ChainSetup, EndpointSetup, FinalitySetup } from './setup.dto.js';

/** Origin of a chain or contract: the file of ONCHAIN_CONFIG, the API, or the sample source. */
export type Origin = 'config' | 'rest' | 'sample';

/** Followed contract. */
export interface WatchedContract {
  readonly id: number;
  readonly address: Address;
  readonly standard: Standard;
  readonly fromBlock: number;
  readonly token: Address | null;
  /** Contracts of a stream are projected in one order: a staking contract and its token. */
  readonly stream: number;
  readonly paused: boolean;
  /** Contract whose state this one is projected anew for; null for an ordinary one. */
  readonly shadowOf: number | null;
}

/** Contract to follow from a block on. */
export interface ContractStart {
  readonly address: Address;
  readonly standard: Standard;
  readonly fromBlock: number;
  readonly token?: Address | undefined;
}

/** Followed chain with its settings. */
export interface WatchedChain {
  readonly id: number;
  readonly name: string;
  readonly chainId: number | null;
  readonly startBlock: number;
  readonly pollMs: number;
  readonly forkDepth: number;
  readonly finality: Readonly<FinalitySetup>;
  readonly endpoints: readonly Readonly<EndpointSetup>[];
  readonly origin: Origin;
  readonly contracts: readonly WatchedContract[];
}

interface ChainRow {
  id: number;
  name: string;
  chain_id: string | null;
  settings: Pick<ChainSetup, 'startBlock' | 'pollMs' | 'forkDepth' | 'finality'>;
  endpoints: string;
  origin: Origin;
  contracts: readonly WatchedContract[];
}

/** Chains and contracts in the database. Addresses of endpoints are stored encrypted, because they may contain keys. */
@Injectable()
export class ChainRegistry {
  constructor(
    private readonly database: Database,
    private readonly secrets: SecretBox,
  ) {}

  /** Returns the chains in the order in which they were added. */
  async chains(): Promise<WatchedChain[]> {
    const rows = await this.database.query<ChainRow>(SELECT_CHAINS);
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      chainId: row.chain_id === null ? null : Number(row.chain_id),
      ...row.settings,
      endpoints: this.unsealed(row.name, row.endpoints),
      origin: row.origin,
      contracts: row.contracts,
    }));
  }

  /**
   * Stores a chain and its contracts, in place of the settings that it had. Contracts that the setup does not name stay, and
   * so do position and state.
   */
  async putChain(setup: ChainSetup, origin: Origin): Promise<number> {
    const id = await this.storeChain(
      setup,
      origin,
      `(name) DO UPDATE SET chain_id = excluded.chain_id, settings = excluded.settings, endpoints = excluded.endpoints,
         origin = excluded.origin`,
    );
    return id ?? 0;
  }

  /** Adds a chain and its contracts; false if there is a chain of that name. */
  async addChain(setup: ChainSetup, origin: Origin): Promise<boolean> {
    return (await this.storeChain(setup, origin, '(name) DO NOTHING')) !== undefined;
  }

  /** Adds a contract to a chain; false if the chain has it already. */
  async addContract(chain: number, setup: ContractStart, origin: Origin): Promise<boolean> {
    return this.database.transaction((tx) => putContract(tx, chain, setup, origin));
  }

  private storeChain(setup: ChainSetup, origin: Origin, onConflict: string): Promise<number | undefined> {
    const { startBlock, pollMs, forkDepth, finality } = setup;
    return this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ id: number }>(
        `INSERT INTO onchain_chains (name, chain_id, settings, endpoints, origin) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ${onConflict} RETURNING id`,
        [
          setup.id,
          setup.chainId ?? null,
          JSON.stringify({ startBlock, pollMs, forkDepth, finality }),
          this.secrets.sealAlike(JSON.stringify(setup.endpoints), context(setup.id)),
          origin,
        ],
      );
      const id = rows[0]?.id;
      if (id === undefined) return undefined;
      // Contracts of tokens first: a staking contract would add its token with blocks and standard of its own.
      const ordered = setup.contracts.toSorted((a, b) => Number(a.token !== undefined) - Number(b.token !== undefined));
      for (const { address, standard, token, fromBlock = startBlock } of ordered) {
        await putContract(tx, id, { address, standard, token, fromBlock }, origin);
      }
      return id;
    });
  }

  private unsealed(chain: string, sealed: string): EndpointSetup[] {
    return sealed === '' ? [] : (JSON.parse(this.secrets.open(sealed, context(chain))) as EndpointSetup[]);
  }
}

const context = (chain: string): string => `onchain-endpoints:${chain}`;

/** Contracts as objects with the members of WatchedContract, so that one statement reads the chains. */
const SELECT_CHAINS = `SELECT h.id, h.name, h.chain_id, h.settings, h.endpoints, h.origin, coalesce((
    SELECT jsonb_agg(jsonb_build_object('id', c.id, 'address', '0x' || encode(c.address, 'hex'), 'standard', c.standard,
      'fromBlock', c.from_block, 'token', '0x' || encode(c.token, 'hex'), 'stream', c.stream, 'paused', c.paused,
      'shadowOf', c.shadow_of) ORDER BY c.id)
    FROM onchain_contracts c WHERE c.chain = h.id), '[]') AS contracts
  FROM onchain_chains h ORDER BY h.id`;

/**
 * Adds a contract and, if it is not there, the contract of the tokens that it stakes: without the owners of tokens no stake
 * is valid. Both are one stream. Returns whether the contract was added.
 */
async function putContract(tx: PoolClient, chain: number, setup: ContractStart, origin: Origin): Promise<boolean> {
  const { address, standard, fromBlock, token } = setup;
  if (token !== undefined && token !== address) {
    await putContract(tx, chain, { address: token, standard: 'erc721', fromBlock }, origin);
  }
  const { rows } = await tx.query<{ id: number; stream: number }>(
    `INSERT INTO onchain_contracts (chain, address, standard, from_block, token, stream, origin)
     VALUES ($1, decode($2, 'hex'), $3, $4, decode($5, 'hex'), 0, $6)
     ON CONFLICT (chain, address) WHERE shadow_of IS NULL DO NOTHING RETURNING id`,
    [chain, address.slice(2), standard, fromBlock, token?.slice(2) ?? null, origin],
  );
  const [added] = rows;
  if (added === undefined) return false;
  await tx.query(
    `UPDATE onchain_contracts SET stream = coalesce((SELECT t.stream FROM onchain_contracts t
       WHERE t.chain = $2 AND t.address = decode($3, 'hex') AND t.shadow_of IS NULL AND t.id <> $1), id) WHERE id = $1`,
    [added.id, chain, token?.slice(2) ?? null],
  );
  await tx.query(
    `INSERT INTO onchain_streams (id, chain, block, published_block) SELECT c.stream, $2, $3 - 1, -1 FROM onchain_contracts c
     WHERE c.id = $1 ON CONFLICT (id) DO NOTHING`,
    [added.id, chain, fromBlock],
  );
  return true;
}
