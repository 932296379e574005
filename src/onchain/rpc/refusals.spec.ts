import { describe, expect, it } from 'vitest';
import { refusalFault, statusFault, suggestedRange } from './refusals.js';
import { faultIn, RpcFault, shownUrl } from './rpc-fault.js';

const ASKED = { from: 17_000_000, to: 17_099_999 };
const first = (blocks: number) => ({ from: ASKED.from, to: ASKED.from + blocks - 1 });

/** Texts that providers really sent, with block numbers of the question above. */
const TEXTS: readonly [provider: string, code: number, text: string, suggested: object | undefined][] = [
  [
    'Alchemy',
    -32602,
    'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size, or you can request any block range with a cap of 10K logs in the response. Based on your parameters and the response size limit, this block range should work: [0x1036640, 0x1036bed]',
    first(1_454),
  ],
  [
    'Alchemy, free plan',
    -32600,
    'Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Upgrade to PAYG for expanded block range.',
    first(10),
  ],
  [
    'Alchemy, slow query',
    -32000,
    'Query timeout exceeded. Consider reducing your block range. Based on your parameters and the response size limit, this block range should work: [0x1036640, 0x1036641]',
    first(2),
  ],
  [
    'Infura',
    -32005,
    'query returned more than 10000 results. Try with this block range [0x1036640, 0x10366A3].',
    first(100),
  ],
  ['Infura without a range', -32005, 'query returned more than 10000 results', undefined],
  ['QuickNode', -32614, 'eth_getLogs is limited to a 10,000 range', first(10_000)],
  ['QuickNode, free plan', -32614, 'eth_getLogs is limited to a 5 range', first(5)],
  ['1RPC', -32001, 'eth_getLogs is limited to 0 - 10000 blocks range', first(10_000)],
  ['Ankr', -32600, 'block range is too wide', undefined],
  ['Ankr, too large', -32062, 'Block range is too large', undefined],
  ['geth', -32602, 'exceed maximum block range: 5000', first(5_000)],
  ['reth', -32602, 'query exceeds max block range 50000', first(50_000)],
  ['reth and erigon', -32602, 'query exceeds max results 20000, retry with the range 17000000-17000509', first(510)],
  ['Sei', -32000, 'block range too large (2000), maximum allowed is 1000 blocks', first(1_000)],
  ['Thirdweb', -32602, 'Maximum allowed number of requested blocks is 3500', first(3_500)],
  ['Astar', -32603, 'requested too many blocks from 0 to 5000000, maximum is set to 1024', first(1_024)],
];

describe('refusals of endpoints', () => {
  it.each(TEXTS)('by %s name the range that would be answered', (_, code, message, suggested) => {
    const fault = refusalFault({ code, message }, ASKED);
    expect(fault.kind).toBe('range_too_large');
    expect(fault.details).toEqual({ rpcCode: code, suggested });
  });

  it.each([
    ['Infura', -32005, 'project ID request rate exceeded'],
    ['Alchemy', 429, 'Your app has exceeded its compute units per second capacity.'],
    ['QuickNode', -32007, '50/second request limit reached - reduce calls per second'],
    ['Base', -32016, 'over rate limit'],
  ])('by %s for too many calls are told from those of ranges', (_, code, message) => {
    expect(refusalFault({ code, message }, ASKED).kind).toBe('rate_limited');
  });

  it('of questions without a range are never about ranges', () => {
    expect(refusalFault({ code: -32000, message: 'header not found' }).kind).toBe('bad_answer');
    expect(refusalFault({ code: -32600, message: 'block range is too wide' }).kind).toBe('bad_answer');
  });

  it.each([
    ['starts elsewhere', 'Try with this block range [0x1, 0x64]'],
    ['ends before it starts', 'retry with the range 17000000-16999999'],
    ['is not shorter than the question', 'retry with the range 17000000-17099999'],
    ['has no block', 'eth_getLogs is limited to a 0 range'],
  ])('suggest nothing if the range %s', (_, text) => {
    expect(suggestedRange(text, ASKED)).toBeUndefined();
  });

  it('are searched in linear time, and only their beginning', () => {
    const parts = ['block range [0x1,', 'limited to a 1', 'maximum block range ', '0x', '1,', 'too many '];
    const texts = parts.map((part) => Buffer.from(part.repeat(100_000)).toString());
    const begun = performance.now();
    for (const message of texts) refusalFault({ code: 0, message }, ASKED);
    expect(performance.now() - begun).toBeLessThan(50);
  });

  it('by status tell a redirect, too many calls and an unreachable endpoint apart', () => {
    expect(statusFault(200, undefined)).toBeUndefined();
    expect(statusFault(302, undefined)?.kind).toBe('bad_answer');
    expect(statusFault(503, undefined)?.kind).toBe('unreachable');
    expect(statusFault(413, undefined)?.kind).toBe('too_large');
    expect(statusFault(429, '3')?.details).toEqual({ retryAfterMs: 3_000 });
    expect(statusFault(429, '86400')?.details).toEqual({ retryAfterMs: 60_000 });
    expect(statusFault(429, 'soon')?.details).toEqual({ retryAfterMs: undefined });
    expect(statusFault(429, new Date(Date.now() - 9_000).toUTCString())?.details).toEqual({ retryAfterMs: 0 });
  });
});

describe('an endpoint address in texts', () => {
  it.each([
    ['https://eth-mainnet.example/v2/SECRET?key=SECRET#SECRET', 'https://eth-mainnet.example'],
    ['wss://user:SECRET@node.example:8546/SECRET', 'wss://node.example:8546'],
    ['http://127.0.0.1:8545', 'http://127.0.0.1:8545'],
    ['SECRET', '(no URL)'],
  ])('has no secret (%#)', (address, shown) => {
    expect(shownUrl(address)).toBe(shown);
  });

  it('is left behind when the fault is taken out of an error of the connection', () => {
    const fault = new RpcFault('timeout', 'late');
    expect(faultIn(new Error('https://x/SECRET', { cause: new Error('inner', { cause: fault }) }))).toBe(fault);
    expect(faultIn(new Error('other'))).toBeUndefined();
    expect(faultIn('text')).toBeUndefined();
  });
});
