import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHAIN_ALIASES, chainName, chainNameInProtocols } from './chains.js';
import {
  chainOfToken,
  isPseudoChain,
  isRealChain,
  nameFault,
  normaliseChain,
  normaliseName,
  normaliseToken,
  PSEUDO_CHAINS,
  slugOf,
  totalOverChains,
  type NameKind,
} from './names.js';

describe('the normalisation of chain names', () => {
  test.each([
    ['Ethereum', 'ethereum'],
    [' BSC ', 'bsc'],
    ['Binance', 'bsc'],
    ['xDai', 'gnosis'],
    ['Bitcoin Cash', 'bitcoin-cash'],
    ['constructor', 'constructor'],
    ['__proto__', '__proto__'],
  ])('turns %s into %s', (given, expected) => {
    expect(normaliseChain(given)).toBe(expected);
  });

  test('leaves a normalised name unchanged', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const once = normaliseChain(name);
        expect(normaliseChain(once)).toBe(once);
      }),
    );
  });
});

describe('printed chain names', () => {
  const keys = [
    ...new Set([
      ...CHAIN_ALIASES.values(),
      'ethereum',
      'bitcoin-cash',
      'a--b',
      'x_y',
      'straße',
      '-edge-',
      'constructor',
      '__proto__',
    ]),
  ];

  test.each(keys)('are parsed back to the chain %s', (key) => {
    expect(normaliseChain(chainName(key))).toBe(key);
    expect(normaliseChain(chainNameInProtocols(key))).toBe(key);
    expect(normaliseChain(`${chainNameInProtocols(key)}-borrowed`)).toBe(`${key}-borrowed`);
  });

  test('are parsed back to the same chain for arbitrary names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const key = normaliseChain(name);
        expect(normaliseChain(chainName(key))).toBe(key);
        expect(normaliseChain(chainNameInProtocols(key))).toBe(key);
      }),
    );
  });

  test('no chain alias is also the normalised name of a chain', () => {
    const keys = new Set(CHAIN_ALIASES.values());
    expect([...CHAIN_ALIASES.keys()].filter((alias) => keys.has(alias))).toEqual([]);
  });
});

describe('the normalisation of token names', () => {
  test.each([
    ['Bitcoin', 'bitcoin'],
    ['coingecko:bitcoin', 'bitcoin'],
    ['CoinGecko:Bitcoin', 'bitcoin'],
    ['coingecko:Ethereum:0xA0', 'ethereum:0xa0'],
    ['Ethereum:0xA0B8', 'ethereum:0xa0b8'],
    ['Ethereum:0XA0B8', 'ethereum:0xa0b8'],
    ['binance:0xAb', 'bsc:0xab'],
    ['RSK:0xAb', 'rootstock:0xab'],
    ['Solana:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v', 'solana:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v'],
    ['osmosis:ibc/27394FB0', 'osmosis:ibc/27394FB0'],
    ['Sui:0X2::sui::SUI', 'sui:0x2::sui::SUI'],
    ['aptos:0x1::aptos_coin::AptosCoin', 'aptos:0x1::aptos_coin::AptosCoin'],
    ['sui:0x06A::usdc::USDC<0xA::b::C>', 'sui:0x06a::usdc::USDC<0xA::b::C>'],
    ['ethereum:0xZz', 'ethereum:0xZz'],
    ['coingecko:Sui:0x2::sui::SUI', 'sui:0x2::sui::SUI'],
  ])('turns %s into %s', (given, expected) => {
    expect(normaliseToken(given)).toBe(expected);
  });

  test('finds the chain of a token in the prefix before the address', () => {
    expect(['sei:0xab', 'bitcoin', ':x'].map(chainOfToken)).toEqual(['sei', null, null]);
  });
});

describe('the validation of names', () => {
  test.each<[NameKind, string, string]>([
    ['token', 'usd coin', 'did you mean usd-coin?'],
    ['protocol', 'Uniswap V3', 'did you mean uniswap-v3?'],
    ['protocol', "Maker's  Vault", 'did you mean makers-vault?'],
    ['protocol', 'a\u0000b', 'must be a slug'],
    ['protocol', '\ud800', 'must be a slug'],
    ['protocol', '   ', 'must be a slug'],
    ['chain', '', 'must be a chain'],
    ['chain', 'x'.repeat(65), 'must be a chain'],
    ['protocol', 'aave-v3,uniswap-v3', 'white space or commas'],
    ['chain', 'ethereum,base', 'white space or commas'],
    ['token', 'bitcoin,ethereum', 'white space or commas'],
    ['token', 'eth: 0xa', 'must be a CoinGecko id'],
    ['token', 'x'.repeat(129), 'must be a CoinGecko id'],
  ])('refuses the %s name %j', (kind, name, fault) => {
    expect(nameFault(kind, name)).toContain(fault);
  });

  test('accepts valid names, which stay the same when normalised again', () => {
    expect(nameFault('protocol', ' Uniswap-V3 ')).toBeUndefined();
    expect(nameFault('chain', 'OP Mainnet')).toBeUndefined();
    expect(nameFault('token', 'solana:So11111111111111111111111111111111111111112')).toBeUndefined();
    expect(nameFault('protocol', 'ünï-🦄')).toBeUndefined();
    expect(nameFault('token', 'aptos:0x1::lp::LP<0x2::a::A,0x3::b::B>')).toBeUndefined();
    expect(slugOf('Amnis Finance')).toBe('amnis-finance');
    fc.assert(
      fc.property(fc.constantFrom<NameKind>('protocol', 'chain', 'token'), fc.string(), (kind, given) => {
        const name = normaliseName(kind, given);
        fc.pre(nameFault(kind, given) === undefined);
        expect(normaliseName(kind, name)).toBe(name);
      }),
    );
  });
});

describe('totals over chains', () => {
  test('exclude pseudo chains such as `staking`, recognised as whole name or suffix', () => {
    expect(PSEUDO_CHAINS.every((name) => isPseudoChain(name) && isPseudoChain(`ethereum-${name}`))).toBe(true);
    expect(['ethereum', 'bitcoin-cash', 'all', 'staking-chain'].filter(isPseudoChain)).toEqual([]);
    expect(isRealChain('all')).toBe(false);
  });

  test('sum real chains, use `all` only without real chains, and ignore pseudo chains', () => {
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
