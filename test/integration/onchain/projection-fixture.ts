import { Logger } from '@nestjs/common';
import {
  PointRates,
  StreamModel,
  type Address,
  type BlockHeader,
  type ChainEvent,
} from '../../../src/onchain/core/index.js';
import { Projector } from '../../../src/onchain/projector/projector.js';
import { acquireLease, type ChainLease } from '../../../src/onchain/store/chain-lease.js';
import { ChainStore, type BlockBatch } from '../../../src/onchain/store/chain-store.js';
import { Database } from '../../../src/platform/database/database.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import {
  ACCOUNTS,
  blockHash,
  CONTRACTS,
  eventsOf,
  RULES,
  timesOf,
  type BlockPlan,
} from '../../support/data/token-history.js';
import type { ComparedState } from '../../support/oracles/naive-points.js';
import { createTestDatabase } from '../../support/servers/test-database.js';
import { StoppedClock } from '../history/history-fixture.js';

/** Stream of all contracts of the histories. */
const STREAM = 1;

/** Projector whose batches have at most that many events. */
class SmallBatches extends Projector {
  protected override readonly maxEvents: number = 5;
}

export type ProjectionFixture = Awaited<ReturnType<typeof projectionFixture>>;

/** A chain with the contracts and rules of the histories, its store and its projector, on a database of its own. */
export async function projectionFixture(isSmall = true) {
  Logger.overrideLogger(false);
  const test = await createTestDatabase();
  const database = new Database({ url: test.url, poolSize: 6 });
  const clock = new StoppedClock(20_000);
  const settings = parseSettings({ DATABASE_URL: test.url, SECRETS_KEY: 'a key that only tests use' });
  const store = new ChainStore(database);
  const fixture = {
    test,
    database,
    clock,
    store,
    lease: { chain: 1, owner: 'test', epoch: 0 } as ChainLease,
    projector: new (isSmall ? SmallBatches : Projector)(database, clock, settings),
    keys: new Map(CONTRACTS.map(({ id, address }) => [address, [{ id, stream: STREAM }]])),

    /** Empties the tables and begins the chain anew. */
    async restart(): Promise<void> {
      await test.pool.query(`TRUNCATE onchain_chains, onchain_contracts, onchain_streams, onchain_logs, onchain_blocks,
        onchain_dead_logs, onchain_tokens, onchain_balances, onchain_intervals, onchain_positions, onchain_token_undo,
        onchain_balance_undo, onchain_position_undo, onchain_projections, onchain_point_rules, onchain_points_published,
        change_outbox RESTART IDENTITY CASCADE`);
      await test.pool.query(`INSERT INTO onchain_chains (name, settings, origin) VALUES ('test', '{}', 'rest')`);
      for (const { id, address, standard, token } of CONTRACTS) {
        await test.pool.query(
          `INSERT INTO onchain_contracts (id, chain, address, standard, from_block, token, stream, origin)
           OVERRIDING SYSTEM VALUE VALUES ($1, 1, decode($2, 'hex'), $3, 1, decode($4, 'hex'), $5, 'rest')`,
          [id, address.slice(2), standard, token?.slice(2) ?? null, STREAM],
        );
      }
      await test.pool.query('INSERT INTO onchain_streams (id, chain, block) VALUES ($1, 1, 0)', [STREAM]);
      for (const rule of RULES) {
        await test.pool.query(
          `INSERT INTO onchain_point_rules (version, valid_from_ms, staked_per_day, held_per_day, chains, contracts, origin)
           OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, 'rest')`,
          [
            rule.version,
            rule.validFrom,
            rule.stakedPerDay.toString(),
            rule.heldPerDay.toString(),
            rule.chains,
            rule.contracts.map((address) => `\\x${address.slice(2)}`),
          ],
        );
      }
      await fixture.lead();
    },

    /** Acquires the lease as another process would: the epoch changes. */
    async lead(): Promise<void> {
      await test.pool.query(`UPDATE onchain_chains SET lease_until = '-infinity'`);
      fixture.lease = (await acquireLease(database, 1, 'test'))!;
    },

    project: (upTo: number, handed?: Parameters<Projector['project']>[3]) =>
      fixture.projector.project(fixture.lease, STREAM, upTo, handed),

    /** Replaces the blocks above an ancestor. */
    async reorg(ancestor: number, batch: BlockBatch): Promise<void> {
      await store.reorg(fixture.lease, ancestor, batch, {
        rollBack: (tx, toBlock) => fixture.projector.rollBack(tx, 1, STREAM, toBlock),
        announce: async () => undefined,
      });
    },

    /** Blocks of a branch, ready to be stored. */
    batchOf(
      plans: readonly BlockPlan[],
      first: number,
      branch: string,
      startAt: number,
    ): BlockBatch & { events: ChainEvent[] } {
      const blocks = timesOf(plans, startAt).map((at, position): BlockHeader => {
        const number = first + position;
        const logsBloom = '0x' as const;
        return { number, hash: blockHash(branch, number), parentHash: blockHash('any', number - 1), at, logsBloom };
      });
      const events = eventsOf(plans, first, branch, startAt);
      const last = blocks.at(-1)!;
      const head = { number: last.number, hash: last.hash, at: last.at };
      const covered = { from: first, to: last.number };
      return { blocks, events, dead: [], covered, keys: fixture.keys, head, source: 'rpc' };
    },

    state: (at: number): Promise<ComparedState> => readState(database, at),

    /** Bodies of the outbox of a type, in its order. */
    async published(type: string): Promise<Record<string, unknown>[]> {
      const { rows } = await test.pool.query<{ data: Record<string, unknown> }>(
        'SELECT data FROM change_outbox WHERE type = $1 ORDER BY id',
        [type],
      );
      return rows.map(({ data }) => data);
    },

    async close(): Promise<void> {
      await database.onApplicationShutdown();
      await test.drop();
    },
  };
  await fixture.restart();
  return fixture;
}

/** Reads the tables in the form of the oracle. */
async function readState(database: Database, at: number): Promise<ComparedState> {
  const texts = async (sql: string): Promise<string[]> => {
    const rows = await database.query<{ text: string }>(`SELECT ${sql}`);
    return rows.map(({ text }) => text);
  };
  const hex = (column: string): string => `coalesce('0x' || encode(${column}, 'hex'), 'null')`;
  const model = new StreamModel('test', CONTRACTS, new PointRates(RULES));
  const positions = await database.query<
    Record<'base' | 'staked' | 'held', string> & { account: Address; contract: number }
  >(`SELECT ${hex('account')} AS account, contract, base, staked, held FROM onchain_positions`);
  const open = [
    ...(await texts(`contract || '/' || token_id || ' ' || ${hex('coalesce(staker, owner)')} || ' ' || (staker IS NOT NULL)
      || ' ' || concat_ws(' ', since_ms, since_block, since_log) AS text FROM onchain_tokens
      WHERE owner IS NOT NULL OR staker IS NOT NULL`)),
    ...(await texts(`contract || '/' || ${hex('account')} || '/' || token_id || ' false '
      || concat_ws(' ', since_ms, since_block, since_log) AS text FROM onchain_balances WHERE quantity > 0`)),
  ];
  return {
    tokens: (
      await texts(`contract || '/' || token_id || ' ' || ${hex('owner')} || ' ' || owner_since_ms || ' ' || ${hex('staker')}
        AS text FROM onchain_tokens`)
    ).sort(),
    balances: (
      await texts(
        `contract || '/' || ${hex('account')} || '/' || token_id || ' ' || quantity AS text FROM onchain_balances`,
      )
    ).sort(),
    closed: (
      await texts(`concat_ws(' ', contract, token_id, ${hex('account')}, staked::text, quantity, from_ms, from_block,
        from_log, to_ms, to_block, to_log) AS text FROM onchain_intervals`)
    ).sort(),
    open: open.sort(),
    points: ACCOUNTS.map((account) =>
      positions
        .filter((position) => position.account === account)
        .reduce((sum, { contract, base, staked, held }) => {
          const { rates } = model.byId(contract)!;
          return sum + BigInt(base) + BigInt(staked) * rates.staked.at(at) + BigInt(held) * rates.held.at(at);
        }, 0n),
    ),
    errors: await texts(`block_number || ':' || log_index || ' ' || error AS text FROM onchain_logs
      WHERE canonical AND error IS NOT NULL ORDER BY block_number, log_index`),
  };
}
