import { Logger } from '@nestjs/common';
import type { Sequencer } from '../../../src/events/index.js';
import type { GuardedClient, OperatorNotices } from '../../../src/notifications/index.js';
import { ChainRegistry, type WatchedChain } from '../../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../../src/onchain/config/setup.dto.js';
import { topic0sOf, type Address, type Hash } from '../../../src/onchain/core/index.js';
import { ChainFollower } from '../../../src/onchain/follower/chain-follower.js';
import { ConnectionOpener } from '../../../src/onchain/follower/chain-connections.js';
import { FollowerMetrics } from '../../../src/onchain/follower/follower-metrics.js';
import { ChainRuntime } from '../../../src/onchain/follower/chain-runtime.js';
import { Healer } from '../../../src/onchain/follower/healer.js';
import { LateContracts } from '../../../src/onchain/follower/late-contracts.js';
import { ProjectionListener } from '../../../src/onchain/follower/projection-listener.js';
import { Rereads, RereadStarter } from '../../../src/onchain/follower/rereads.js';
import { Projector } from '../../../src/onchain/projector/projector.js';
import { Rewinds } from '../../../src/onchain/repair/rewinds.js';
import { EndpointPool } from '../../../src/onchain/rpc/endpoint-pool.js';
import { SampleEndpoint } from '../../../src/onchain/sample/sample-endpoint.js';
import { ChainAlarms } from '../../../src/onchain/store/chain-alarms.js';
import { acquireLease, type ChainLease } from '../../../src/onchain/store/chain-lease.js';
import { ChainStore } from '../../../src/onchain/store/chain-store.js';
import { readCheckPlan } from '../../../src/onchain/store/log-checks.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { HealthNotices } from '../../../src/platform/health/health-notices.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { BackgroundLoops } from '../../../src/platform/process/background-loops.js';
import { SecretBox } from '../../../src/platform/secrets/secret-box.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { MockChain, type LogSpec } from '../../support/chain/mock-rpc-chain.js';
import { MockRpc } from '../../support/chain/mock-rpc.js';
import { createTestDatabase } from '../../support/servers/test-database.js';

const NFT: Address = `0x${'a1'.repeat(20)}`;
const [TRANSFER] = topic0sOf(['erc721']);
const word = (value: number): Hash => `0x${value.toString(16).padStart(64, '0')}`;

/** Transfer of a token between accounts by number; 0 mints or burns. */
export const transfer = (token: number, from: number, to: number, address = NFT): LogSpec => ({
  address,
  topics: [TRANSFER!, word(from), word(to), word(token)],
  data: '0x',
});

export type FollowedFixture = Awaited<ReturnType<typeof followedFixture>>;

/** Chains that are followed from mock endpoints, with projection and checks, on a database of its own. Held tokens earn. */
export async function followedFixture() {
  Logger.overrideLogger(false);
  const test = await createTestDatabase();
  const database = new Database({ url: test.url, poolSize: 8 });
  const settings = parseSettings({ DATABASE_URL: test.url, SECRETS_KEY: 'a key that only tests use' });
  const clock = new Clock();
  const metrics = new Metrics();
  const loops = new BackgroundLoops(metrics, settings);
  const sequencer = { ring: () => undefined } as Sequencer;
  const notices: object[] = [];
  const operators = {
    add: (_tx: unknown, notice: object) => Promise.resolve(void notices.push(notice)),
  } as unknown as OperatorNotices;
  const alarms = new ChainAlarms(database, new HealthNotices(), operators, loops, metrics);
  const projector = new Projector(database, clock, settings);
  const listener = new ProjectionListener(database, clock, projector, alarms, sequencer);
  const healer = new Healer(database, clock, projector, sequencer, settings);
  const registry = new ChainRegistry(database, new SecretBox(['a key that only tests use']));
  const store = new ChainStore(database);
  const runtime = new ChainRuntime(database, loops, settings);
  const starter = new RereadStarter(runtime, healer, alarms, metrics);
  const stopping = new AbortController();
  const opened: { close(): Promise<void> }[] = [];
  let runs = 0;
  await test.pool.query(
    `INSERT INTO onchain_point_rules (valid_from_ms, staked_per_day, held_per_day, origin) VALUES (0, 0, 1000000, 'rest')`,
  );

  /** Mines a new chain, with two endpoints. */
  async function begin() {
    const chain = new MockChain({ finalityDepth: 8, startsAt: Math.floor(Date.now() / 1_000) - 300 });
    const [first, second] = await Promise.all([MockRpc.start(chain), MockRpc.start(chain)]);
    opened.push(first, second);
    return { chain, first, second };
  }

  /** Begins to follow a chain from endpoints. */
  async function follow(endpoints: readonly Pick<MockRpc, 'url'>[], setup: Partial<ChainSetup> = {}) {
    const name = `chain-${(runs += 1)}`;
    const contracts = [{ address: NFT, standard: 'erc721' as const, fromBlock: 1 }];
    const urls = endpoints.map(({ url }) => ({ url }));
    await registry.putChain(
      Object.assign(new ChainSetup(), { id: name, endpoints: urls, contracts, forkDepth: 16, ...setup }),
      'config',
    );
    const watched = async (): Promise<WatchedChain> => (await registry.chains()).find((each) => each.name === name)!;
    const first = await watched();
    const pool = new EndpointPool(
      { chainId: null, forkDepth: first.forkDepth, endpoints: urls },
      { retryMs: 1, attempts: 3, outMs: 10, breakMs: 10 },
    );
    opened.push(pool);
    const parts = { database, store, pool, listener, maxBatchQuantity: 100_000 };
    const made = { chain: first, pool } as {
      chain: WatchedChain;
      pool: EndpointPool;
      lease: ChainLease;
      follower: ChainFollower;
      rereads: Rereads;
      late: LateContracts;
    };
    /** Leads the chain anew, as another process would. */
    async function lead(): Promise<void> {
      await test.pool.query(`UPDATE onchain_chains SET lease_until = '-infinity' WHERE id = $1`, [first.id]);
      made.chain = await watched();
      made.lease = (await acquireLease(database, first.id, 'one'))!;
      made.follower = new ChainFollower(made.chain, made.lease, parts, stopping.signal);
      made.late = new LateContracts(made.chain, made.lease, parts, stopping.signal);
      made.rereads = new Rereads(made.chain, made.lease, pool, stopping.signal, starter);
    }
    await lead();
    return Object.assign(made, {
      name,
      lead,
      /** Follows until nothing is left to do. */
      async settle(): Promise<void> {
        for (let run = 0; run < 200; run += 1) if (!(await made.follower.run())) return;
        throw new Error('the follower does not come to rest');
      },
      /** Reads the newest blocks again, as every 30 s. */
      async recent(): Promise<void> {
        await made.rereads.recent((await readCheckPlan(database, first.id))!);
      },
      async alarm(): Promise<string | undefined> {
        const { rows } = await test.pool.query<{ detail: string }>(
          `SELECT detail FROM onchain_alarms WHERE chain = $1 AND code = 'omitted_logs'`,
          [name],
        );
        return rows[0]?.detail;
      },
      /** Logs, owners, intervals and positions, without the ids of contracts. */
      async state(): Promise<string[]> {
        const { rows } = await test.pool.query<{ text: string }>(STATE, [first.id]);
        return rows.map(({ text }) => text);
      },
      /** Numbers what was published, as the sequencer does. */
      async number(): Promise<void> {
        await test.pool.query('DELETE FROM change_outbox WHERE chain = $1', [name]);
      },
      /** Published rows of events as `block:log status`, in their order. */
      async published(): Promise<string[]> {
        const { rows } = await test.pool.query<{ text: string }>(
          `SELECT concat(data ->> 'blockNumber', ':', data ->> 'logIndex', ' ', data ->> 'status') AS text
           FROM change_outbox WHERE type = 'onchain_event' AND chain = $1 ORDER BY id`,
          [name],
        );
        return rows.map(({ text }) => text);
      },
    });
  }

  return {
    test,
    database,
    metrics,
    notices,
    loops,
    projector,
    alarms,
    registry,
    clock,
    settings,
    rewinds: new Rewinds(
      database,
      registry,
      new ConnectionOpener({} as GuardedClient, new FollowerMetrics(metrics, clock), new SampleEndpoint()),
      projector,
      alarms,
      sequencer,
    ),
    begin,
    follow,
    async metric(name: string, chain: string): Promise<number> {
      const { values } = (await metrics.registry.getSingleMetric(name)!.get()) as {
        values: { value: number; labels: { chain?: string } }[];
      };
      return values.find(({ labels }) => labels.chain === chain)?.value ?? 0;
    },
    async close(): Promise<void> {
      stopping.abort(new Error('the test ends'));
      await Promise.all(opened.map((each) => each.close()));
      await database.onApplicationShutdown();
      await test.drop();
    },
  };
}

const STATE = `WITH own AS (SELECT id, address FROM onchain_contracts WHERE chain = $1 AND shadow_of IS NULL)
  SELECT text FROM (
    SELECT 'log ' || concat_ws(' ', block_number, log_index, encode(block_hash, 'hex'), error) FROM onchain_logs
      JOIN own ON own.id = contract WHERE canonical
    UNION ALL SELECT 'token ' || concat_ws(' ', encode(address, 'hex'), token_id, encode(owner, 'hex'), owner_since_ms, since_ms,
      since_block, since_log) FROM onchain_tokens JOIN own ON own.id = contract
    UNION ALL SELECT 'interval ' || concat_ws(' ', encode(address, 'hex'), token_id, encode(account, 'hex'), staked, quantity, from_ms,
      from_block, from_log, to_ms, to_block, to_log) FROM onchain_intervals JOIN own ON own.id = contract
    UNION ALL SELECT 'position ' || concat_ws(' ', encode(address, 'hex'), encode(account, 'hex'), base, staked, held)
      FROM onchain_positions JOIN own ON own.id = contract WHERE (base, staked, held) <> (0, 0, 0)
    UNION ALL SELECT 'stream ' || concat_ws(' ', s.block, s.log, s.at_ms) FROM onchain_streams s
      WHERE s.id IN (SELECT stream FROM onchain_contracts WHERE chain = $1 AND shadow_of IS NULL)) AS state (text)
  ORDER BY text`;
