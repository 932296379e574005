import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { topic0sOf, type Address, type Hash } from '../../src/onchain/core/index.js';
import { InvariantRounds } from '../../src/onchain/monitoring/invariant-rounds.js';
import { CHECKS } from '../../src/onchain/store/invariant-checks.js';
import { MockChain, type LogSpec } from '../support/chain/mock-rpc-chain.js';
import { MockRpc } from '../support/chain/mock-rpc.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const NFT: Address = `0x${'a1'.repeat(20)}`;
const [TRANSFER] = topic0sOf(['erc721']);
const word = (hex: string): Hash => `0x${hex.padStart(64, '0')}`;
const mint = (token: number): LogSpec => ({
  address: NFT,
  topics: [TRANSFER!, word('0'), word('ff'.repeat(20)), word(token.toString(16))],
  data: '0x',
});

const AT_18 = `(SELECT hash FROM onchain_blocks WHERE number = 18)`;
const ROW = `chain, contract, block_number, log_index, kind, block_ms, transaction_index, block_hash, transaction_hash`;

/** Changes of the database that contradict an invariant, and their repair, by the check that finds them. */
const DAMAGES = {
  final_below_head: [
    'UPDATE onchain_chains SET final_number = head_number + 1',
    'UPDATE onchain_chains SET final_number = head_number - 8',
  ],
  position_below_head: ['UPDATE onchain_streams SET block = 1000', 'UPDATE onchain_streams SET block = 20'],
  blocks_linked: [
    `UPDATE onchain_blocks SET parent_hash = decode(repeat('0b', 32), 'hex') WHERE number = 19`,
    `UPDATE onchain_blocks SET parent_hash = ${AT_18} WHERE number = 19`,
  ],
  logs_of_blocks: [
    `UPDATE onchain_logs SET block_hash = decode(repeat('0b', 32), 'hex') WHERE block_number = 18`,
    `UPDATE onchain_logs SET block_hash = ${AT_18} WHERE block_number = 18`,
  ],
  logs_once: [
    `INSERT INTO onchain_logs (${ROW}, source) SELECT ${ROW}, 'ingest' FROM onchain_logs WHERE block_number = 18`,
    `DELETE FROM onchain_logs WHERE source = 'ingest'`,
  ],
  tokens_of_positions: ['UPDATE onchain_positions SET held = held + 1', 'UPDATE onchain_positions SET held = held - 1'],
} satisfies Record<keyof typeof CHECKS, [damage: string, repair: string]>;

describe('checks of invariants at run time', () => {
  let app: TestApp;
  let chain: MockChain;
  let rpc: MockRpc;
  let directory: string;

  beforeEach(async () => {
    chain = new MockChain({ finalityDepth: 8, startsAt: Math.floor(Date.now() / 1_000) - 60 });
    for (let block = 1; block <= 20; block += 1) chain.mine([mint(block)]);
    rpc = await MockRpc.start(chain);
    directory = await mkdtemp(join(tmpdir(), 'onchain-'));
    const contracts = [{ address: NFT, standard: 'erc721', fromBlock: 1 }];
    const config = { chains: [{ id: 'mock', chainId: 31_337, pollMs: 100, endpoints: [{ url: rpc.url }], contracts }] };
    await writeFile(join(directory, 'chains.yaml'), JSON.stringify(config));
  });
  afterEach(async () => {
    await app.close();
    await rpc.close();
    await rm(directory, { recursive: true });
  });

  const start = async (mode: string): Promise<void> => {
    app = await createTestApp({
      settings: { ONCHAIN_CONFIG: join(directory, 'chains.yaml'), ONCHAIN_CHECKS: mode },
    });
    await waitFor(async () => (await count('onchain_tokens')) === 20, { what: '20 tokens' });
  };
  const count = async (table: string): Promise<number> => {
    const { rows } = await app.db.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
    return rows[0]!.n;
  };
  const violations = async (): Promise<string> => {
    await app.nest.get(InvariantRounds, { strict: false }).round();
    const { rows } = await app.db.pool.query<{ detail: string }>(
      `SELECT detail FROM onchain_alarms WHERE chain = 'mock' AND code = 'invariant'`,
    );
    return rows.map(({ detail }) => detail).join();
  };

  it('find each kind of damage, raise an alarm, and end it when the damage is repaired', async () => {
    await start('on');
    expect(await violations()).toBe('');
    for (const [check, [damage, repair]] of Object.entries(DAMAGES)) {
      await app.db.pool.query(damage);
      // Another check may find it, too. A random account may be behind the only one.
      await waitFor(async () => new RegExp(`(?:^|; )${check}: `).test(await violations()), { what: check });
      await app.db.pool.query(repair);
      expect(await violations()).toBe('');
    }
    const metrics = await fetch(`${app.url}/metrics`).then((answer) => answer.text());
    expect(metrics).toMatch(/onchain_invariant_violations_total\{chain="mock",check="logs_once"\} \d/);
  });

  it('stop the chain after the step, if they are strict', async () => {
    await start('strict');
    await app.db.pool.query('UPDATE onchain_positions SET held = held + 1');
    chain.mine([mint(21)]);
    const stopped = await waitFor(
      async () => {
        const { rows } = await app.db.pool.query<{ state: string; reason: string }>(
          'SELECT state, reason FROM onchain_chains',
        );
        return rows[0]?.state === 'stopped' ? rows[0] : undefined;
      },
      { what: 'the chain to stop' },
    );
    expect(stopped.reason).toMatch(/^tokens_of_positions: account 0xff/);
    const tokens = await count('onchain_tokens');
    chain.mine([mint(22)]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await count('onchain_tokens')).toBe(tokens);
  });

  it('raise nothing by themselves, if they are off', async () => {
    await start('off');
    await app.db.pool.query('UPDATE onchain_positions SET held = held + 1');
    chain.mine([mint(21)]);
    await waitFor(async () => (await count('onchain_tokens')) === 21, { what: 'the next token' });
    const { rows } = await app.db.pool.query('SELECT chain, code, detail FROM onchain_alarms');
    expect(rows).toEqual([]);
  });
});
