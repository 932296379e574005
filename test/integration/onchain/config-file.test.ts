import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OnchainStart } from '../../../src/onchain/config/onchain-start.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { followedFixture, type FollowedFixture } from './followed-fixture.js';

const STAKING = `0x${'c1'.repeat(20)}`;
const TOKEN = `0x${'a1'.repeat(20)}`;

let fixture: FollowedFixture;
let directory: string;
beforeAll(async () => {
  fixture = await followedFixture();
  directory = await mkdtemp(join(tmpdir(), 'onchain-config-'));
});
afterAll(async () => {
  await fixture.close();
  await rm(directory, { recursive: true });
});

/** Starts with a file of one chain with these contracts. */
async function start(id: string, contracts: readonly object[]): Promise<void> {
  const path = join(directory, `${id}.yaml`);
  await writeFile(path, JSON.stringify({ chains: [{ id, endpoints: [], contracts }] }));
  await new OnchainStart(parseSettings({ ONCHAIN_CONFIG: path }), fixture.registry).onModuleInit();
}

async function followed(id: string): Promise<string[]> {
  const chain = (await fixture.registry.chains()).find(({ name }) => name === id);
  return (chain?.contracts ?? []).map(
    ({ address, standard, fromBlock }) => `${address.slice(0, 4)} ${standard} ${fromBlock}`,
  );
}

describe('the file of chains', () => {
  it('sets the first block of a token contract that is named after the contract that stakes it', async () => {
    await start('staked', [
      { address: STAKING, standard: 'batch', token: TOKEN, fromBlock: 100 },
      { address: TOKEN, standard: 'batch', fromBlock: 50 },
    ]);
    expect((await followed('staked')).toSorted()).toEqual(['0xa1 batch 50', '0xc1 batch 100']);
  });

  it('stops the start if it describes a followed contract otherwise, and names the contract', async () => {
    await start('changed', [{ address: TOKEN, standard: 'erc721', fromBlock: 5 }]);
    await start('changed', [{ address: TOKEN, standard: 'erc721', fromBlock: 5 }]);
    await expect(start('changed', [{ address: TOKEN, standard: 'erc1155', fromBlock: 5 }])).rejects.toThrow(
      `standard of the contract ${TOKEN} must be erc721`,
    );
    await expect(start('changed', [{ address: TOKEN, standard: 'erc721', token: STAKING }])).rejects.toThrow(
      `token of the contract ${TOKEN} must be left out`,
    );
    expect(await followed('changed')).toEqual(['0xa1 erc721 5']);
  });

  it('stops the start if it names a contract twice', async () => {
    const twice = [
      { address: TOKEN, standard: 'erc721' },
      { address: TOKEN.toUpperCase().replace('X', 'x'), standard: 'erc721', fromBlock: 5 },
    ];
    await expect(start('twice', twice)).rejects.toThrow(`must not name the contract ${TOKEN} of twice twice`);
  });
});
