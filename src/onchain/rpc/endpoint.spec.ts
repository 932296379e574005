import { PerformanceObserver } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FAULTS, type MockFault } from '../../../test/support/chain/mock-rpc-faults.js';
import { MockChain, type LogSpec } from '../../../test/support/chain/mock-rpc-chain.js';
import { SINGLE_CONTRACT, SINGLE_TOPIC } from '../../../test/support/chain/mock-rpc-chains.js';
import { startMockRpcProcess } from '../../../test/support/chain/mock-rpc-process.js';
import { MockRpc } from '../../../test/support/chain/mock-rpc.js';
import { threadCpuMs } from '../../platform/loop/thread-cpu.js';
import { TurnMeter, type LongTurn } from '../../platform/loop/turn-meter.js';
import type { Address, Hash } from '../core/index.js';
import { Endpoint, type CallKind } from './endpoint.js';
import { RpcFault } from './rpc-fault.js';

const NFT: Address = `0x${'a1'.repeat(20)}`;
const OTHER: Address = `0x${'b2'.repeat(20)}`;
const TOPIC: Hash = `0x${'c3'.repeat(32)}`;
const FILTER = { addresses: [NFT], topics: [TOPIC] };
const logs = (count: number, address: Address = NFT): LogSpec[] =>
  Array.from({ length: count }, (_, index) => ({
    address,
    topics: [TOPIC],
    data: `0x${index.toString(16).padStart(64, '0')}`,
  }));

let rpc: MockRpc;
let endpoint: Endpoint;
const counted: CallKind[] = [];
const chain = new MockChain();

beforeAll(async () => {
  chain.mine(logs(3));
  chain.mine([...logs(2, OTHER), ...logs(2)]);
  chain.mineEmpty(12);
  rpc = await MockRpc.start(chain);
  endpoint = new Endpoint(`${rpc.url}/v2/SECRET?key=SECRET`, {
    timeoutMs: 30_000,
    counted: (kind) => counted.push(kind),
  });
});
afterEach(() => {
  rpc.heal();
  rpc.view = {};
  rpc.limits = undefined;
});
afterAll(async () => {
  await endpoint.close();
  await rpc.close();
});

const block = (number: number) => chain.block(number)!;
const readAll = () => endpoint.logsByRange({ from: 0, to: 4 }, FILTER);
const readBlock = () => endpoint.logsByHash(block(1), FILTER);
/** Returns the fault of a call; its texts must not show the address. */
async function faultOf(call: () => Promise<unknown>): Promise<RpcFault> {
  const fault: unknown = await call().then(
    () => 'no fault',
    (error: unknown) => error,
  );
  expect(fault).toBeInstanceOf(RpcFault);
  expect(JSON.stringify(fault, Object.getOwnPropertyNames(fault))).not.toMatch(/SECRET|127\.0\.0\.1/);
  return fault as RpcFault;
}

describe('an endpoint', () => {
  it('reads the chain id, the newest, the final and any other block', async () => {
    expect(await endpoint.chainId()).toBe(31_337);
    const { number, hash, parentHash, logsBloom } = block(14);
    const header = { number, hash, parentHash, at: 1_700_000_014_000, logsBloom };
    expect(await endpoint.latest()).toEqual(header);
    expect(await endpoint.blockByHash(hash)).toEqual(header);
    expect(await endpoint.blockByNumber(14)).toEqual(header);
    expect((await endpoint.finalized())?.number).toBe(6);
    expect(await endpoint.blockByNumber(15)).toBeUndefined();
    expect(await endpoint.blockByHash(TOPIC)).toBeUndefined();
  });

  it('reads logs by hash, by range and from receipts, only those of the filter', async () => {
    const [first, second] = [await readBlock(), await endpoint.logsByHash(block(2), FILTER)];
    expect(first.logs.map(({ logIndex }) => logIndex)).toEqual(['0x0', '0x1', '0x2']);
    expect(second.logs.map(({ logIndex }) => logIndex)).toEqual(['0x2', '0x3']);
    expect((await readAll()).logs).toEqual([...first.logs, ...second.logs]);
    expect(await endpoint.receiptsLogs(block(2), FILTER)).toEqual(second.logs);
    expect((await readAll()).bytes).toBeGreaterThan(2_000);
  });

  it('counts its calls by kind', async () => {
    counted.length = 0;
    await endpoint.latest();
    await readBlock();
    expect(counted).toEqual(['head', 'logs']);
  });

  it('shows its address without the path and the query', () => {
    expect(endpoint.shownUrl).toBe(rpc.url);
  });

  it('says that it does not know final blocks or receipts instead of failing', async () => {
    rpc.view = { finalized: null };
    expect(await endpoint.finalized()).toBeUndefined();
    rpc.plan({ error: { code: -32_601, message: 'the method does not exist' } });
    expect(await endpoint.receiptsLogs(block(1), FILTER)).toBeUndefined();
  });

  it('puts logs that arrive in another order into theirs', async () => {
    const { logs: straight } = await readAll();
    rpc.plan({ result: (result) => (result as unknown[]).toReversed() });
    expect((await readAll()).logs).toEqual(straight);
  });

  it.each([
    ['Infura', -32_005, 'query returned more than 10000 results. Try with this block range', 200],
    ['Alchemy', -32_602, 'Log response size exceeded. Based on your parameters, this block range should work:', 400],
  ])('takes the range that %s suggests, whatever the status', async (_, code, text, status) => {
    const message = `${text} [0x0, 0x1]`;
    rpc.plan({ error: { code, message }, status }, { times: 1 });
    const fault = await faultOf(readAll);
    expect(fault).toMatchObject({ kind: 'range_too_large', details: { suggested: { from: 0, to: 1 } } });
  });
});

describe('a hostile endpoint', () => {
  const LOG_FAULTS: readonly [what: string, fault: MockFault][] = [
    ['every log twice', FAULTS.duplicateLogs()],
    ['logs of another height', FAULTS.wrongBlockNumber()],
    ['logs of another contract', FAULTS.wrongAddress()],
    ['logs with another topic', FAULTS.wrongTopic()],
    ['logs with five topics', FAULTS.tooManyTopics()],
    ['removed logs', FAULTS.removedLogs()],
    ['quantities as numbers', FAULTS.numbers()],
    ['quantities as decimal text', FAULTS.decimalText()],
    ['logs without data', FAULTS.emptied()],
    ['an object instead of a list', FAULTS.object()],
    ['nothing', FAULTS.nothing()],
    ['texts instead of logs', { result: () => ['0x1'] }],
  ];
  it.each(LOG_FAULTS)('that gives %s is found out', async (_, fault) => {
    rpc.plan(fault);
    expect((await faultOf(readBlock)).kind).toBe('bad_answer');
    expect((await faultOf(() => endpoint.logsByRange({ from: 1, to: 1 }, FILTER))).kind).toBe('bad_answer');
  });

  it('that gives logs of another block than the one that was asked for is found out', async () => {
    rpc.plan(FAULTS.wrongBlockHash());
    expect((await faultOf(readBlock)).message).toBe('a log is of another block of this height');
  });

  it('that mixes two branches in one range is found out', async () => {
    rpc.plan({
      result: (result) =>
        (result as { blockHash: string }[]).map((log, index) => (index === 0 ? { ...log, blockHash: TOPIC } : log)),
    });
    expect((await faultOf(readAll)).message).toBe('a log is of another block of this height');
  });

  it.each([
    ['another block', FAULTS.wrongBlockHash()],
    ['a block of another height', FAULTS.wrongBlockNumber()],
    ['quantities as numbers', FAULTS.numbers()],
    ['quantities as decimal text', FAULTS.decimalText()],
    ['a block without parent and bloom', FAULTS.emptied()],
    ['a list', { result: () => [] }],
  ])('that gives %s for a block is found out', async (_, fault) => {
    rpc.plan(fault);
    const { number, hash } = block(3);
    const given = [
      await faultOfAny(() => endpoint.blockByNumber(number)),
      await faultOfAny(() => endpoint.blockByHash(hash)),
    ];
    expect(given).toContain('bad_answer');
  });

  const TRANSPORT_FAULTS: readonly [what: string, fault: MockFault, kind: string][] = [
    ['answers another question', FAULTS.wrongId(), 'bad_answer'],
    ['answers with HTML', FAULTS.html(), 'bad_answer'],
    ['answers with half a JSON text', FAULTS.invalidJson(), 'bad_answer'],
    ['nests 400,000 lists', FAULTS.deepJson(), 'bad_answer'],
    ['redirects', FAULTS.redirect('http://127.0.0.1:1/SECRET'), 'bad_answer'],
    ['is overloaded', FAULTS.unavailable(), 'unreachable'],
    ['breaks the connection', FAULTS.reset(), 'unreachable'],
    ['breaks the connection in the middle of the answer', FAULTS.cut(), 'unreachable'],
    ['sends 100 MB', FAULTS.huge(100_000_000), 'too_large'],
    ['wants fewer calls', FAULTS.tooManyRequests('2'), 'rate_limited'],
    ['compresses unasked', compressed(), 'bad_answer'],
    ['refuses the method', { error: { code: -32_000, message: 'header SECRET not found' } }, 'bad_answer'],
  ];
  it.each(TRANSPORT_FAULTS)('that %s is told from others', async (_, fault, kind) => {
    rpc.plan(fault);
    expect((await faultOf(readAll)).kind).toBe(kind);
    rpc.heal();
    expect((await readAll()).logs).toHaveLength(5);
  });

  it.each([
    ['never answers', FAULTS.hang()],
    ['answers a byte at a time', FAULTS.drip()],
  ])('that %s is left at the time limit', async (_, fault) => {
    rpc.plan(fault);
    const hurried = new Endpoint(rpc.url, { timeoutMs: 300 });
    expect((await faultOf(() => hurried.latest())).kind).toBe('timeout');
    await hurried.close();
  });

  it('that cannot be connected to is unreachable, with the code of the connection', async () => {
    const gone = new Endpoint('http://127.0.0.1:1/SECRET');
    expect((await faultOf(() => gone.latest())).message).toBe('the endpoint is not reachable (ECONNREFUSED)');
    await gone.close();
  });

  it('that redirects is not followed', async () => {
    const before = { ...rpc.calls };
    rpc.plan(FAULTS.redirect(`${rpc.url}/elsewhere`), { times: 1 });
    await faultOf(() => endpoint.chainId());
    expect(rpc.calls['eth_chainId']).toBe((before['eth_chainId'] ?? 0) + 1);
  });

  it(
    'holds the event loop less than 25 ms with the largest answers, garbage collection aside',
    { timeout: 120_000 },
    async () => {
      const module = new URL('../../../test/support/chain/mock-rpc-chains.ts', import.meta.url);
      const server = await startMockRpcProcess({ module, name: 'chainOfLogs', input: { perBlock: [15_000] } });
      const reader = new Endpoint(server.url, { timeoutMs: 60_000 });
      const filter = { addresses: [SINGLE_CONTRACT], topics: [SINGLE_TOPIC] };
      const { hash } = (await reader.blockByNumber(1))!;
      const collections: number[] = [];
      const observer = new PerformanceObserver((list) => {
        for (const { startTime } of list.getEntries()) collections.push(startTime);
      });
      observer.observe({ entryTypes: ['gc'] });
      // The first read also compiles the code, which is no work of each read: the best of three counts.
      const longest: number[] = [];
      for (let each = 0; each < 3; each += 1) {
        const meter = new TurnMeter(1);
        const turns: LongTurn[] = [];
        const watch = setInterval(() => {
          turns.push(...[meter.beat({ at: performance.now(), cpuMs: threadCpuMs() }) ?? []].flat());
        }, 1);
        const { logs: read, bytes } = await reader.logsByHash({ number: 1, hash }, filter);
        clearInterval(watch);
        // Collections are reported later.
        await new Promise((resolve) => setTimeout(resolve, 100));
        // 15,000 logs stay in memory; copying them may take a collection long on a machine with few free cores.
        const own = turns.filter(({ from, to }) => !collections.some((at) => at >= from && at <= to));
        longest.push(Math.max(0, ...own.map(({ cpuMs }) => cpuMs)));
        expect([read.length, bytes > 9_000_000]).toEqual([15_000, true]);
      }
      observer.disconnect();
      await reader.close();
      await server.stop();
      expect(Math.min(...longest)).toBeLessThan(25);
    },
  );

  it('is left when the caller stops', async () => {
    rpc.plan(FAULTS.hang());
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('stopped')), 20);
    await expect(endpoint.latest(stop.signal)).rejects.toThrow('stopped');
  });
});

async function faultOfAny(call: () => Promise<unknown>): Promise<string> {
  return call().then(
    () => 'none',
    (error: unknown) => (error as RpcFault).kind,
  );
}

function compressed(): MockFault {
  return {
    write: (response) =>
      void response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('x'),
  };
}
