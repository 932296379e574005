import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MockChain } from '../../../test/support/chain/mock-rpc-chain.js';
import { MockRpc } from '../../../test/support/chain/mock-rpc.js';
import { waitFor } from '../../../test/support/wait-for.js';
import { HeadWatch } from './head-watch.js';

let chain: MockChain;
let rpc: MockRpc;
let watch: HeadWatch;
let rings: number;

beforeEach(async () => {
  chain = new MockChain();
  rpc = await MockRpc.start(chain);
  rings = 0;
  watch = new HeadWatch(rpc.wsUrl, () => (rings += 1), { minPauseMs: 10 });
});
afterEach(async () => {
  await watch.stop();
  await rpc.close();
});

const expectRing = async (): Promise<void> => {
  await waitFor(() => rings > 0, { what: 'the answer to the subscription' });
  const before = rings;
  chain.mine();
  await waitFor(() => rings > before, { what: 'a ring' });
};

describe('the watch for new blocks', () => {
  it('rings at each block, and again after its connection broke', async () => {
    watch.start();
    await expectRing();
    rings = 0;
    rpc.dropSockets();
    await expectRing();
  });

  it('connects once the endpoint is there', async () => {
    const { wsUrl } = rpc;
    await rpc.close();
    watch.start();
    await new Promise((resolve) => setTimeout(resolve, 50));
    rpc = await MockRpc.start(chain, Number(new URL(wsUrl).port));
    await expectRing();
  });

  it('rings no more once it is stopped', async () => {
    watch.start();
    await expectRing();
    await watch.stop();
    const before = rings;
    chain.mine();
    await waitFor(() => rpc.watchers === 0, { what: 'the end of the connection' });
    expect(rings).toBe(before);
  });
});
