import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { decodeNumber } from '../../platform/http/paging/list-cursor.js';
import { pageOf } from '../../platform/http/paging/page.js';
import { isoTime } from '../../platform/input/time.js';
import { Settings } from '../../platform/settings/settings.js';
import { decoderFor, isDecodeFailure, type Address, type RawLog, type Standard } from '../core/index.js';
import { insertLogs } from '../store/log-rows.js';
import type { DeadLogPage, DeadLogsQuery } from './chain-admin.dto.js';
import { lockChain } from '../store/contract-rows.js';

interface DeadLogRow {
  id: string;
  chain: string;
  contract: Address;
  blockNumber: number;
  blockHash: string;
  logIndex: number;
  stage: 'decode' | 'project' | 'store';
  code: string;
  detail: string;
  payload: object;
  createdMs: number;
}

interface OpenDeadLog extends DeadLogRow {
  chainId: number;
  contractId: number;
  stream: number;
  standard: Standard;
  at: number | null;
}

/** Logs that stop their contract, until they are retried or skipped. */
@Injectable()
export class DeadLogs {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Lists those that stop a contract, in the order of their failures. */
  async list({ limit, cursor, chain }: DeadLogsQuery): Promise<DeadLogPage> {
    const scope = ['onchain-dead-logs', chain];
    const rows = await this.database.query<DeadLogRow & Record<string, unknown>>(
      `SELECT ${COLUMNS} ${FROM} AND d.id > coalesce($1::bigint, 0) AND ($2::text IS NULL OR h.name = $2) ORDER BY d.id LIMIT $3`,
      [decodeNumber(scope, cursor), chain ?? null, limit + 1],
    );
    return pageOf(rows, { scope, limit, position: ({ id }) => id }, ({ createdMs, ...row }) => ({
      ...row,
      createdAt: isoTime(createdMs),
    }));
  }

  /** Has the log decoded or projected again; one that cannot be decoded stays. */
  async retry(id: string): Promise<void> {
    await this.onDeadLog(id, async (tx, dead) => {
      if (dead.stage === 'decode') await this.decodeAgain(tx, dead);
      await this.resolve(tx, id, 'retried', null);
    });
  }

  /** Leaves the log out; the contract goes on behind it. */
  async skip(id: string, reason: string): Promise<void> {
    await this.onDeadLog(id, (tx) => this.resolve(tx, id, 'skipped', reason));
  }

  private async decodeAgain(tx: PoolClient, dead: OpenDeadLog): Promise<void> {
    const { contract: address, standard } = dead;
    const decode = decoderFor([{ address, standard }], { maxBatchQuantity: this.settings.maxBatchQuantity });
    const result = decode(dead.payload as RawLog, dead.at ?? undefined);
    if (result === undefined || isDecodeFailure(result)) {
      const detail = result === undefined ? 'the log is no event of the contract' : `${result.code}: ${result.detail}`;
      throw new DomainError('conflict', `the log still cannot be decoded; ${detail}`);
    }
    const keys = new Map([[address, [{ id: dead.contractId, stream: dead.stream }]]]);
    await insertLogs(tx, dead.chainId, [result], keys, 'rpc');
  }

  private async resolve(
    tx: PoolClient,
    id: string,
    resolution: 'retried' | 'skipped',
    reason: string | null,
  ): Promise<void> {
    await tx.query('UPDATE onchain_dead_logs SET resolution = $2, skip_reason = $3, resolved_ms = $4 WHERE id = $1', [
      id,
      resolution,
      reason,
      this.clock.now(),
    ]);
  }

  private onDeadLog(id: string, change: (tx: PoolClient, dead: OpenDeadLog) => Promise<void>): Promise<void> {
    return this.database.transaction(async (tx) => {
      const { rows: chains } = await tx.query<{ chain: number }>('SELECT chain FROM onchain_dead_logs WHERE id = $1', [
        id,
      ]);
      await lockChain(tx, chains[0]?.chain ?? 0);
      const { rows } = await tx.query<OpenDeadLog>(
        `SELECT ${COLUMNS}, d.chain AS "chainId", c.id AS "contractId", c.stream, c.standard, b.at_ms AS at ${FROM} AND d.id = $1`,
        [id],
      );
      if (rows[0] === undefined) throw new DomainError('not_found', 'dead log not found');
      await change(tx, rows[0]);
    });
  }
}

const COLUMNS = `d.id::text AS id, h.name AS chain, '0x' || encode(c.address, 'hex') AS contract, d.block_number AS "blockNumber",
  '0x' || encode(d.block_hash, 'hex') AS "blockHash", d.log_index AS "logIndex", d.stage, d.code, d.detail, d.payload,
  d.created_ms AS "createdMs"`;
const FROM = `FROM onchain_dead_logs d JOIN onchain_chains h ON h.id = d.chain JOIN onchain_contracts c ON c.id = d.contract
  LEFT JOIN onchain_blocks b ON b.chain = d.chain AND b.hash = d.block_hash
  WHERE d.canonical AND d.resolution IS NULL`;
