import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPseudoChain, isRealChain, normaliseChain, normaliseToken, PSEUDO_CHAINS, totalOverChains } from './names.js';

describe('chain names', () => {
  test.each([
    ['Ethereum', 'ethereum'],
    [' BSC ', 'bsc'],
    ['Binance', 'bsc'],
    ['xDai', 'gnosis'],
    ['Bitcoin Cash', 'bitcoin-cash'],
    ['constructor', 'constructor'],
    ['__proto__', '__proto__'],
  ])('%s is %s', (given, expected) => {
    expect(normaliseChain(given)).toBe(expected);
  });

  test('a normalised name stays as it is', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const once = normaliseChain(name);
        expect(normaliseChain(once)).toBe(once);
      }),
    );
  });
});

describe('token names', () => {
  test.each([
    ['Bitcoin', 'bitcoin'],
    ['coingecko:bitcoin', 'bitcoin'],
    ['CoinGecko:Bitcoin', 'bitcoin'],
    ['Ethereum:0xA0B8', 'ethereum:0xa0b8'],
    ['binance:0xAb', 'bsc:0xab'],
  ])('%s is %s', (given, expected) => {
    expect(normaliseToken(given)).toBe(expected);
  });
});

describe('totals', () => {
  test('pseudo chains are known as whole names and as suffixes', () => {
    expect(PSEUDO_CHAINS.every((name) => isPseudoChain(name) && isPseudoChain(`ethereum-${name}`))).toBe(true);
    expect(['ethereum', 'bitcoin-cash', 'all', 'staking-chain'].filter(isPseudoChain)).toEqual([]);
    expect(isRealChain('all')).toBe(false);
  });

  test('real chains add up, all counts only without them, pseudo chains never', () => {
    expect(
      totalOverChains([
        ['ethereum', 1],
        ['polygon', 2],
        ['all', 100],
        ['staking', 50],
      ]),
    ).toBe(3);
    expect(
      totalOverChains([
        ['all', 100],
        ['staking', 50],
      ]),
    ).toBe(100);
    expect(
      totalOverChains([
        ['ethereum', 0],
        ['all', 100],
      ]),
    ).toBe(0);
    expect(totalOverChains([['staking', 50]])).toBeUndefined();
    expect(totalOverChains([])).toBeUndefined();
  });
});
