import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sequencer } from '../../../src/events/index.js';
import { ChainRegistry, type WatchedChain } from '../../../src/onchain/config/chain-registry.js';
import { ChainSetup } from '../../../src/onchain/config/setup.dto.js';
import { topic0sOf, type Address, type Hash } from '../../../src/onchain/core/index.js';
import { ChainFollower } from '../../../src/onchain/follower/chain-follower.js';
import { Healer } from '../../../src/onchain/follower/healer.js';
import type { FollowerListener } from '../../../src/onchain/follower/listener.js';
import { ProjectionListener } from '../../../src/onchain/follower/projection-listener.js';
import { RangeCheck } from '../../../src/onchain/follower/range-check.js';
import { Projector } from '../../../src/onchain/projector/projector.js';
import { EndpointPool } from '../../../src/onchain/rpc/endpoint-pool.js';
import type { ChainAlarms } from '../../../src/onchain/store/chain-alarms.js';
import { acquireLease } from '../../../src/onchain/store/chain-lease.js';
import { ChainStore } from '../../../src/onchain/store/chain-store.js';
import { Rebuilds } from '../../../src/onchain/repair/rebuilds.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { BackgroundLoops } from '../../../src/platform/process/background-loops.js';
import { SecretBox } from '../../../src/platform/secrets/secret-box.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { MockChain, type LogSpec } from '../../support/chain/mock-rpc-chain.js';
import { FAULTS, type MockFault } from '../../support/chain/mock-rpc-faults.js';
import { MockRpc } from '../../support/chain/mock-rpc.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

const RUNS = process.env['TEST_LONG'] === '1' ? 10_000 : 300;
const FINALITY_DEPTH = 8;
const NFT: Address = `0x${'a1'.repeat(20)}`;
const [TRANSFER] = topic0sOf(['erc721']);
const word = (value: number): Hash => `0x${value.toString(16).padStart(64, '0')}`;

interface Transfer {
  readonly token: number;
  readonly from: number;
  readonly to: number;
}
const logOf = ({ token, from, to }: Transfer): LogSpec => ({
  address: NFT,
  topics: [TRANSFER!, word(from), word(to), word(token)],
  data: '0x',
});

/** Faults of answers, each of which a follower survives. */
const FAULT_LIST: readonly MockFault[] = [
  FAULTS.omitLogs((index) => index % 2 === 0),
  FAULTS.wrongBlockHash(),
  FAULTS.wrongId(),
  FAULTS.html(),
  FAULTS.cut(),
  FAULTS.reset(),
  FAULTS.duplicateLogs(),
  FAULTS.unavailable(),
  FAULTS.tooManyRequests(),
  FAULTS.nothing(),
  FAULTS.numbers(),
];

type Action =
  | { readonly do: 'mine'; readonly blocks: readonly (readonly Transfer[])[] }
  | { readonly do: 'reorg'; readonly depth: number; readonly blocks: readonly (readonly Transfer[])[] }
  | { readonly do: 'fault'; readonly fault: number; readonly times: number; readonly on: number }
  | { readonly do: 'lag'; readonly blocks: number; readonly on: number }
  | { readonly do: 'run' | 'settle' | 'restart' | 'die after the flush' };

const transfer = fc
  .record({
    token: fc.integer({ min: 1, max: 5 }),
    from: fc.integer({ min: 0, max: 3 }),
    to: fc.integer({ min: 0, max: 3 }),
  })
  .filter(({ from, to }) => from + to > 0);
const blocks = fc.array(fc.array(transfer, { maxLength: 3 }), { minLength: 1, maxLength: 5 });
const on = fc.integer({ min: 0, max: 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('mine' as const), blocks }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('reorg' as const), depth: fc.integer({ min: 1, max: 8 }), blocks }),
  },
  fc.record({
    do: fc.constant('fault' as const),
    fault: fc.integer({ min: 0, max: FAULT_LIST.length - 1 }),
    times: fc.integer({ min: 1, max: 4 }),
    on,
  }),
  fc.record({ do: fc.constant('lag' as const), blocks: fc.integer({ min: 0, max: 6 }), on }),
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('run', 'settle', 'restart', 'die after the flush') }) },
);

/** Final blocks are read by ranges from an endpoint that leaves out every other log. */
const OMITTED_BESIDE_OTHERS: Action[] = [
  { do: 'fault', fault: 0, times: 40, on: 0 },
  { do: 'mine', blocks: [[1, 2, 3].map((token) => ({ token, from: 0, to: token }))] },
  { do: 'mine', blocks: Array.from({ length: 12 }, () => []) },
  { do: 'run' },
];

let db: TestDatabase;
let database: Database;
let listener: ProjectionListener;
let healer: Healer;
let registry: ChainRegistry;
let rebuilds: Rebuilds;
let runs = 0;
const { signal } = new AbortController();

beforeAll(async () => {
  db = await createTestDatabase();
  database = new Database({ url: db.url, poolSize: 6 });
  const clock = new Clock();
  const nothing = (): Promise<void> => Promise.resolve();
  const alarms = { raise: nothing, clear: nothing } as unknown as ChainAlarms;
  const sequencer = { ring: () => undefined } as Sequencer;
  const settings = parseSettings({});
  const projector = new Projector(database, clock, settings);
  listener = new ProjectionListener(database, clock, projector, alarms, sequencer);
  healer = new Healer(database, clock, projector, sequencer, settings);
  registry = new ChainRegistry(database, new SecretBox(['a key that only tests use']));
  rebuilds = new Rebuilds(database, new BackgroundLoops(new Metrics(), settings));
});
afterAll(async () => {
  await database.onApplicationShutdown();
  await db.drop();
});

/** One chain, its endpoints, and the follower that lives and dies. */
class History {
  readonly chain = new MockChain({ finalityDepth: FINALITY_DEPTH });
  private highest = 0;
  private follower: ChainFollower | undefined;
  private diesNext = false;

  constructor(
    public watched: WatchedChain,
    private readonly rpcs: readonly MockRpc[],
    private readonly pool: EndpointPool,
    chain: MockChain,
  ) {
    this.chain = chain;
  }

  async act(step: Action): Promise<void> {
    switch (step.do) {
      case 'mine':
        for (const logs of step.blocks) this.chain.mine(logs.map(logOf));
        return this.note();
      case 'reorg': {
        const depth = Math.min(step.depth, this.chain.head - this.chain.finalizedAt(this.highest));
        if (depth > 0)
          this.chain.reorg(
            depth,
            step.blocks.map((logs) => logs.map(logOf)),
          );
        return this.note();
      }
      case 'fault':
        return void this.rpcs[step.on]!.plan(FAULT_LIST[step.fault]!, { times: step.times });
      case 'lag':
        return void (this.rpcs[step.on]!.view = { lag: step.blocks });
      case 'restart':
        return void (this.follower = undefined);
      case 'die after the flush':
        return void (this.diesNext = true);
      case 'run':
        return void (await this.run().catch(() => undefined));
      case 'settle':
        return this.settle().catch(() => undefined);
    }
  }

  /** Runs until nothing is left to do. */
  async settle(): Promise<void> {
    for (let run = 0; run < 100; run += 1) if (!(await this.run())) return;
    throw new Error('the follower does not come to rest');
  }

  /** Ends all faults and lets the follower catch up with a last block. */
  async end(): Promise<void> {
    this.diesNext = false;
    this.follower = undefined;
    for (const rpc of this.rpcs) {
      rpc.heal();
      rpc.view = {};
    }
    while (this.chain.head <= this.highest) this.chain.mine();
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.settle();
        return await this.readAgain();
      } catch (error) {
        if (attempt > 200) throw error;
      }
      // Endpoints that were taken out are tried again.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Reads all blocks again: a log left out beside another one of its block is not missed before. */
  private async readAgain(): Promise<void> {
    const lease = await acquireLease(database, this.watched.id, 'one');
    const check = new RangeCheck(this.watched, database, this.pool, 10, signal);
    for (let from = 1; from <= this.chain.head;) {
      const finding = await check.check({ from, to: this.chain.head });
      if (finding === undefined) throw new Error('no endpoint has the blocks');
      await healer.heal(this.watched, lease!, finding.missing);
      from = finding.range.to + 1;
    }
    // State that lacks logs below its before-images is projected anew beside it, and takes its place once it has come as far: the
    // blocks that were not final when it began are read when they are.
    this.chain.mineEmpty(FINALITY_DEPTH + 1);
    this.watched = (await registry.chains()).find(({ id }) => id === this.watched.id)!;
    this.follower = undefined;
    await this.settle();
    await rebuilds.swapReady();
  }

  private note(): void {
    this.highest = Math.max(this.highest, this.chain.head);
  }

  private async run(): Promise<boolean> {
    const lease = await acquireLease(database, this.watched.id, 'one');
    const parts = {
      database,
      store: new ChainStore(database),
      pool: this.pool,
      listener: this.mortal(),
      maxBatchQuantity: 10,
    };
    this.follower ??= new ChainFollower(this.watched, lease!, parts, signal);
    return this.follower.run();
  }

  /** Listener of a process that may end between the storage and the projection of blocks. */
  private mortal(): FollowerListener {
    return {
      stored: (...given) => {
        if (!this.diesNext) return listener.stored(...given);
        this.diesNext = false;
        this.follower = undefined;
        return Promise.reject(new Error('died'));
      },
      reorganising: (...given) => listener.reorganising(...given),
      alarm: () => Promise.resolve(),
    };
  }
}

async function withHistory<T>(work: (history: History) => Promise<T>): Promise<T> {
  const chain = new MockChain({ finalityDepth: FINALITY_DEPTH });
  const rpcs = await Promise.all([MockRpc.start(chain), MockRpc.start(chain)]);
  const name = `history-${(runs += 1)}`;
  const contracts = [{ address: NFT, standard: 'erc721' as const, fromBlock: 1 }];
  const endpoints = rpcs.map(({ url }) => ({ url }));
  await registry.putChain(Object.assign(new ChainSetup(), { id: name, endpoints, contracts, forkDepth: 32 }), 'config');
  const watched = (await registry.chains()).find((each) => each.name === name)!;
  const options = { retryMs: 1, attempts: 3, outMs: 10, breakMs: 10, preferAfterMs: 20 };
  const pool = new EndpointPool({ chainId: null, forkDepth: 32, endpoints }, options);
  try {
    return await work(new History(watched, rpcs, pool, chain));
  } finally {
    await Promise.all([pool.close(), ...rpcs.map((rpc) => rpc.close())]);
  }
}

/** Transfers of the canonical chain in their order. */
function transfersOf(chain: MockChain): (Transfer & { at: string })[] {
  return Array.from({ length: chain.head }, (_, below) => chain.block(below + 1)!).flatMap(({ number, logs }) =>
    logs.map(({ topics }, index) => {
      const [from, to, token] = [Number(topics[1]), Number(topics[2]), Number(topics[3])];
      return { at: `${number}:${index}`, token, from, to };
    }),
  );
}

/** Owners after a clean replay, by token; 0 owns nothing. */
function ownersOf(chain: MockChain): Record<string, number> {
  const owners = new Map<number, number>();
  for (const { token, from, to } of transfersOf(chain)) {
    const owner = owners.get(token);
    const isMint = from === 0;
    if (isMint ? (owner ?? 0) === 0 : owner === undefined || owner === from) owners.set(token, to);
  }
  return Object.fromEntries([...owners].filter(([, owner]) => owner !== 0));
}

async function found({ watched }: History): Promise<{ logs: string[]; owners: Record<string, number> }> {
  const { rows: logs } = await db.pool.query<{ at: string }>(
    `SELECT block_number || ':' || log_index AS at FROM onchain_logs
     WHERE chain = $1 AND canonical AND contract IN (SELECT id FROM onchain_contracts WHERE shadow_of IS NULL)
     ORDER BY block_number, log_index`,
    [watched.id],
  );
  const { rows: owners } = await db.pool.query<{ token: string; owner: string }>(
    `SELECT token_id AS token, encode(owner, 'hex') AS owner FROM onchain_tokens
     WHERE contract = (SELECT id FROM onchain_contracts WHERE chain = $1 AND shadow_of IS NULL) AND owner IS NOT NULL
     ORDER BY token_id`,
    [watched.id],
  );
  return {
    logs: logs.map(({ at }) => at),
    owners: Object.fromEntries(owners.map(({ token, owner }) => [token, Number.parseInt(owner, 16)])),
  };
}

describe('a follower in random histories of blocks, forks, faults and restarts', () => {
  it(`ends with the logs and owners of a clean replay (${RUNS} histories)`, { timeout: 3_600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 4, maxLength: 25 }), (steps) =>
        withHistory(async (history) => {
          for (const step of steps) await history.act(step);
          await history.end();
          const truth = { logs: transfersOf(history.chain).map(({ at }) => at), owners: ownersOf(history.chain) };
          expect(await found(history)).toEqual(truth);
        }),
      ),
      { numRuns: RUNS, endOnFailure: true, examples: [[OMITTED_BESIDE_OTHERS]] },
    );
  });
});
