import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SampleRecording } from '../../../src/onchain/sample/recording.js';
import { SampleBlocks } from '../../../src/onchain/sample/sample-blocks.js';
import { SampleRpc } from '../../../src/onchain/sample/sample-rpc.js';
import { InvariantChecks } from '../../../src/onchain/store/invariant-checks.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { followedFixture, type FollowedFixture } from './followed-fixture.js';

const BLOCK_MS = 2_000;
let fixture: FollowedFixture;
let rpc: SampleRpc;
let now = Date.now();
const recording = new SampleRecording();
const blocks = new SampleBlocks(recording, () => now);

beforeAll(async () => {
  fixture = await followedFixture();
  rpc = await SampleRpc.start(blocks);
});
afterAll(async () => {
  await rpc.close();
  await fixture.close();
});

const ask = async (method: string, params: unknown): Promise<{ result?: unknown; error?: { code: number } }> => {
  const body = typeof params === 'string' ? params : JSON.stringify({ jsonrpc: '2.0', id: 7, method, params });
  const answer = await fetch(rpc.url, { method: 'POST', body });
  expect(answer.status).toBe(200);
  return (await answer.json()) as { result?: unknown; error?: { code: number } };
};

describe('the endpoint of the sample chain', () => {
  it('is followed through its reorganisations to the state of a clean replay, without an invalid event', async () => {
    const start = blocks.head;
    const contracts = recording.contractsAt(start);
    const followed = await fixture.follow([rpc], { contracts, startBlock: start });
    await followed.settle();
    const depths: number[] = [];
    for (let block = 0; block < 200; block += 1) {
      now += BLOCK_MS;
      await followed.settle();
      const { rows } = await fixture.test.pool.query<{ depth: number }>(
        `SELECT (data ->> 'depth')::int AS depth FROM change_outbox WHERE type = 'chain_reorg'`,
      );
      depths.push(...rows.map(({ depth }) => depth));
      await followed.number();
    }
    expect(depths.length).toBeGreaterThanOrEqual(2);
    expect(depths.every((depth) => depth >= 1 && depth <= 3)).toBe(true);
    const clean = await fixture.follow([rpc], { contracts, startBlock: start });
    await clean.settle();
    expect(await followed.state()).toEqual(await clean.state());
    const { rows } = await fixture.test.pool.query('SELECT kind, error FROM onchain_logs WHERE error IS NOT NULL');
    expect(rows).toEqual([]);
    const checks = new InvariantChecks(fixture.database, fixture.alarms, new Metrics());
    expect(await checks.check(followed.chain)).toBeUndefined();
  });

  it('refuses what it does not know, and too much', async () => {
    const hex = (block: number): string => `0x${block.toString(16)}`;
    const filter = { fromBlock: hex(blocks.head - 1_500), toBlock: hex(blocks.head) };
    expect((await ask('eth_getLogs', [filter])).error?.code).toBe(-32_602);
    expect((await ask('eth_getLogs', [{ blockHash: `0x${'00'.repeat(32)}` }])).error?.code).toBe(-32_000);
    expect((await ask('eth_sendRawTransaction', [])).error?.code).toBe(-32_601);
    expect((await ask('constructor', [])).error?.code).toBe(-32_601);
    expect((await ask('', '{"jsonrpc')).error?.code).toBe(-32_602);
    expect((await ask('', `"${'x'.repeat(100_000)}"`)).error?.code).toBe(-32_602);
    expect((await ask('eth_getBlockByNumber', [hex(blocks.head + 1), false])).result).toBeNull();
    expect((await ask('eth_getBlockByNumber', ['soon', false])).result).toBeNull();
  });
});
