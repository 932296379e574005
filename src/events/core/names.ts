/**
 * The one spelling of a chain or a token. Writers and clients use many (`Binance`, `bsc`, `0xA0b8…`); the log, the tables
 * and the caches hold only what these functions return.
 */
const CHAIN_ALIASES: Readonly<Record<string, string>> = {
  'arbitrum-one': 'arbitrum',
  arb: 'arbitrum',
  avax: 'avalanche',
  'avalanche-c-chain': 'avalanche',
  binance: 'bsc',
  'binance-smart-chain': 'bsc',
  bnb: 'bsc',
  'bnb-chain': 'bsc',
  'bnb-smart-chain': 'bsc',
  btc: 'bitcoin',
  era: 'zksync-era',
  zksync: 'zksync-era',
  eth: 'ethereum',
  ftm: 'fantom',
  'gnosis-chain': 'gnosis',
  xdai: 'gnosis',
  'harmony-shard-0': 'harmony',
  matic: 'polygon',
  'polygon-pos': 'polygon',
  'op-mainnet': 'optimism',
  op: 'optimism',
  'optimistic-ethereum': 'optimism',
  sol: 'solana',
  trx: 'tron',
};

/** For sources that know only a protocol's total; counts when the protocol has no real chain. */
export const ALL_CHAINS = 'all';

/**
 * Parts of a protocol's books that adapters report as if they were chains. They never count towards its total, neither
 * under these names nor as a suffix (`ethereum-borrowed`).
 */
export const PSEUDO_CHAINS = [
  'staking',
  'pool2',
  'borrowed',
  'vesting',
  'treasury',
  'offers',
  'owntokens',
  'doublecounted',
  'liquidstaking',
  'dcandlsoverlap',
  'masterchef',
] as const;

const pseudo: ReadonlySet<string> = new Set(PSEUDO_CHAINS);

/** Lower case, white space as `-`, aliases resolved. Says nothing about whether the chain exists. */
export function normaliseChain(chain: string): string {
  const name = chain.trim().toLowerCase().replaceAll(/\s+/g, '-');
  return Object.hasOwn(CHAIN_ALIASES, name) ? (CHAIN_ALIASES[name] ?? name) : name;
}

/** A CoinGecko id or `chain:address`, lower case; a leading `coingecko:` is dropped, the chain's aliases resolved. */
export function normaliseToken(token: string): string {
  const name = token.trim().toLowerCase();
  const colon = name.indexOf(':');
  if (colon < 0) return name;
  const chain = name.slice(0, colon);
  const address = name.slice(colon + 1);
  return chain === 'coingecko' ? address : `${normaliseChain(chain)}:${address}`;
}

/** Whether a chain's value belongs into totals over real chains: neither `all` nor a pseudo chain. */
export function isRealChain(chain: string): boolean {
  return chain !== ALL_CHAINS && !isPseudoChain(chain);
}

export function isPseudoChain(chain: string): boolean {
  return pseudo.has(chain) || pseudo.has(chain.slice(chain.lastIndexOf('-') + 1));
}

/**
 * The sum of a protocol's values: over its real chains, or what a source gave as `all` when there is no real one.
 * Undefined when nothing counts.
 */
export function totalOverChains(values: Iterable<readonly [chain: string, value: number]>): number | undefined {
  let real: number | undefined;
  let all: number | undefined;
  for (const [chain, value] of values) {
    if (chain === ALL_CHAINS) all = value;
    else if (!isPseudoChain(chain)) real = (real ?? 0) + value;
  }
  return real ?? all;
}
