import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { decodeNumber } from '../../platform/http/paging/list-cursor.js';
import { pageOf } from '../../platform/http/paging/page.js';
import type { PageQuery } from '../../platform/http/paging/page.dto.js';
import { ChainRegistry } from '../config/chain-registry.js';
import type { ChainSetup } from '../config/setup.dto.js';
import type {
  ContractBody,
  ContractChange,
  ContractPage,
  ContractView,
  CreatedChain,
  RereadBody,
} from './chain-admin.dto.js';
import { beginRebuild, countChange, deleteContract, lockChain } from '../store/contract-rows.js';

interface ContractRow extends ContractView {
  number: number;
  chainId: number;
  stream: number;
}

/** Chains and contracts that administrators add, pause, read again and remove; followers notice within a second. */
@Injectable()
export class ChainAdmin {
  constructor(
    private readonly database: Database,
    private readonly registry: ChainRegistry,
  ) {}

  async addChain(setup: ChainSetup): Promise<CreatedChain> {
    const added = await this.registry.addChain(setup, 'rest');
    if (!added) throw new DomainError('conflict', `chain ${setup.id} is there already`);
    return { id: setup.id };
  }

  async addContract({ chain: name, ...setup }: ContractBody): Promise<ContractView> {
    const chain = (await this.registry.chains()).find((known) => known.name === name);
    if (chain === undefined) throw new DomainError('not_found', `chain ${name} not found`);
    const { address, standard, token, fromBlock = chain.startBlock } = setup;
    const added = await this.registry.addContract(chain.id, { address, standard, token, fromBlock }, 'rest');
    if (!added) throw new DomainError('conflict', `contract ${address} is there already`);
    const rows = await this.database.query<ContractRow & Record<string, unknown>>(
      `${SELECT} AND c.chain = $1 AND c.address = $2`,
      [chain.id, `\\x${address.slice(2)}`],
    );
    return viewOf(found(rows[0]));
  }

  /** Lists contracts in the order in which they were added. */
  async contracts({ limit, cursor }: PageQuery): Promise<ContractPage> {
    const scope = 'onchain-contracts';
    const rows = await this.database.query<ContractRow & Record<string, unknown>>(
      `${SELECT} AND c.id > coalesce($1::bigint, 0) ORDER BY c.id LIMIT $2`,
      [decodeNumber(scope, cursor), limit + 1],
    );
    return pageOf(rows, { scope, limit, position: ({ number }) => number }, viewOf);
  }

  change(id: string, { paused }: ContractChange): Promise<ContractView> {
    return this.onContract(id, async (tx, contract) => {
      await tx.query('UPDATE onchain_contracts SET paused = $2 WHERE id = $1', [contract.number, paused]);
      return { ...contract, paused };
    });
  }

  /** Removes a contract with its state; accounts lose the points that its tokens earned. Its logs stay. */
  async remove(id: string): Promise<void> {
    await this.onContract(id, async (tx, contract) => {
      const { rows } = await tx.query<{ address: string }>(
        `SELECT '0x' || encode(address, 'hex') AS address FROM onchain_contracts
         WHERE chain = $1 AND token = $2 AND id <> $3 AND shadow_of IS NULL LIMIT 1`,
        [contract.chainId, `\\x${contract.address.slice(2)}`, contract.number],
      );
      if (rows[0] !== undefined) {
        throw new DomainError('conflict', `contract ${rows[0].address} stakes tokens of this one; remove it first`);
      }
      await deleteContract(tx, contract.number);
      return contract;
    });
  }

  /** Has the logs read again from a block on. */
  reread(id: string, { fromBlock, rebuild = false }: RereadBody): Promise<ContractView> {
    return this.onContract(id, async (tx, contract) => {
      if (rebuild) {
        if (contract.rebuilding) throw new DomainError('conflict', 'the contract is being rebuilt already');
        await beginRebuild(tx, contract.stream, fromBlock);
        return { ...contract, rebuilding: true };
      }
      await tx.query(
        'UPDATE onchain_contracts SET covered = covered * int8multirange(int8range(NULL, $2)) WHERE id = $1',
        [contract.number, fromBlock],
      );
      return contract;
    });
  }

  /** Changes a contract under the lock of its chain. */
  private onContract(
    id: string,
    change: (tx: PoolClient, contract: ContractRow) => Promise<ContractRow>,
  ): Promise<ContractView> {
    return this.database.transaction(async (tx) => {
      const { rows: chains } = await tx.query<{ chain: number }>('SELECT chain FROM onchain_contracts WHERE id = $1', [
        id,
      ]);
      const chain = chains[0]?.chain ?? 0;
      await lockChain(tx, chain);
      const { rows } = await tx.query<ContractRow>(`${SELECT} AND c.id = $1`, [id]);
      const changed = await change(tx, found(rows[0]));
      await countChange(tx, chain);
      return viewOf(changed);
    });
  }
}

const SELECT = `SELECT c.id AS number, c.id::text AS id, c.chain AS "chainId", c.stream, h.name AS chain,
    '0x' || encode(c.address, 'hex') AS address, c.standard, c.from_block AS "fromBlock", '0x' || encode(c.token, 'hex') AS token,
    c.paused, c.origin, EXISTS (SELECT FROM onchain_contracts s WHERE s.shadow_of = c.id) AS rebuilding
  FROM onchain_contracts c JOIN onchain_chains h ON h.id = c.chain WHERE c.shadow_of IS NULL`;

function found(row: ContractRow | undefined): ContractRow {
  if (row === undefined) throw new DomainError('not_found', 'contract not found');
  return row;
}

function viewOf({ number: _number, chainId: _chain, stream: _stream, ...view }: ContractRow): ContractView {
  return view;
}
