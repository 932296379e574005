/** Names of a chain in addition to its key. */
interface ChainNames {
  /** Display name in lists of chains. */
  readonly name: string;
  /** Display name in a protocol's list of chains, if DefiLlama uses another one there. */
  readonly nameInProtocols?: string;
  /** Aliases that writers and clients may use, in the form that `foldedName` returns. */
  readonly aliases?: readonly string[];
}

/**
 * Chains by key, with DefiLlama's display names (https://defillama.com, May 2026). The display name of any other chain is
 * derived from its key. The database resolves the same aliases for SQL writers: a new alias needs a migration that replaces
 * the function `chain_aliases`.
 */
const TABLE: Readonly<Record<string, ChainNames>> = {
  ethereum: { name: 'Ethereum', aliases: ['eth'] },
  bsc: {
    name: 'BSC',
    nameInProtocols: 'Binance',
    aliases: ['binance-smart-chain', 'bnb', 'bnb-chain', 'bnb-smart-chain'],
  },
  solana: { name: 'Solana', aliases: ['sol'] },
  tron: { name: 'Tron', aliases: ['trx'] },
  bitcoin: { name: 'Bitcoin', aliases: ['btc'] },
  base: { name: 'Base' },
  'hyperliquid-l1': { name: 'Hyperliquid L1', aliases: ['hyperliquid'] },
  arbitrum: { name: 'Arbitrum', aliases: ['arbitrum-one', 'arb'] },
  polygon: { name: 'Polygon', aliases: ['matic', 'polygon-pos'] },
  plasma: { name: 'Plasma' },
  avalanche: { name: 'Avalanche', aliases: ['avax', 'avalanche-c-chain'] },
  sui: { name: 'Sui' },
  monad: { name: 'Monad' },
  optimism: { name: 'OP Mainnet', nameInProtocols: 'Optimism', aliases: ['op', 'optimistic-ethereum'] },
  cronos: { name: 'Cronos' },
  ink: { name: 'Ink' },
  mantle: { name: 'Mantle' },
  stellar: { name: 'Stellar' },
  aptos: { name: 'Aptos' },
  starknet: { name: 'Starknet' },
  near: { name: 'Near', aliases: ['near-protocol'] },
  movement: { name: 'Movement' },
  flare: { name: 'Flare' },
  megaeth: { name: 'MegaETH' },
  katana: { name: 'Katana' },
  cardano: { name: 'Cardano' },
  stacks: { name: 'Stacks' },
  rootstock: { name: 'Rootstock', nameInProtocols: 'RSK' },
  dydx: { name: 'dYdX' },
  'x-layer': { name: 'X Layer', aliases: ['xlayer'] },
  gnosis: { name: 'Gnosis', nameInProtocols: 'xDai', aliases: ['gnosis-chain'] },
  ton: { name: 'TON', aliases: ['the-open-network'] },
  kava: { name: 'Kava' },
  berachain: { name: 'Berachain' },
  sei: { name: 'Sei' },
  hedera: { name: 'Hedera', aliases: ['hedera-hashgraph'] },
  pulsechain: { name: 'PulseChain' },
  xrpl: { name: 'XRPL', aliases: ['ripple', 'xrp-ledger'] },
  algorand: { name: 'Algorand' },
  linea: { name: 'Linea' },
  thorchain: { name: 'Thorchain' },
  blast: { name: 'Blast' },
  sonic: { name: 'Sonic' },
  unichain: { name: 'Unichain' },
  tezos: { name: 'Tezos' },
  fraxtal: { name: 'Fraxtal' },
  'world-chain': { name: 'World Chain', aliases: ['wc', 'worldchain'] },
  celo: { name: 'Celo' },
  osmosis: { name: 'Osmosis' },
  'zksync-era': { name: 'ZKsync Era', nameInProtocols: 'zkSync Era', aliases: ['era', 'zksync'] },
  abstract: { name: 'Abstract' },
  kaia: { name: 'Kaia', aliases: ['klaytn'] },
  flow: { name: 'Flow' },
  ronin: { name: 'Ronin' },
  fantom: { name: 'Fantom', aliases: ['ftm'] },
  harmony: { name: 'Harmony', aliases: ['harmony-shard-0'] },
  'arbitrum-nova': { name: 'Arbitrum Nova', aliases: ['arbitrum_nova'] },
  'polygon-zkevm': { name: 'Polygon zkEVM', aliases: ['polygon_zkevm'] },
  'op-bnb': { name: 'opBNB', aliases: ['op_bnb'] },
};

const CHAINS: ReadonlyMap<string, ChainNames> = new Map(Object.entries(TABLE));

/** Returns the name in lower case, with `-` for white space. */
export function foldedName(name: string): string {
  return name.trim().toLowerCase().replaceAll(/\s/g, '-');
}

/** Key of a chain by alias or display name, folded by `foldedName`; the keys themselves are not included. */
export const CHAIN_ALIASES: ReadonlyMap<string, string> = new Map(
  [...CHAINS].flatMap(([key, { name, nameInProtocols = name, aliases = [] }]) =>
    [foldedName(name), foldedName(nameInProtocols), ...aliases]
      .filter((alias) => alias !== key)
      .map((alias): [string, string] => [alias, key]),
  ),
);

/**
 * Returns the display name of a chain in lists of chains, such as `BSC`; a name derived from its key if the chain is not in
 * the table.
 */
export function chainName(chain: string): string {
  return CHAINS.get(chain)?.name ?? titleCase(chain);
}

/** Returns the display name of a chain in a protocol's list of chains, such as `Binance`. */
export function chainNameInProtocols(chain: string): string {
  return CHAINS.get(chain)?.nameInProtocols ?? chainName(chain);
}

/**
 * Returns `Bitcoin Cash` for `bitcoin-cash`. If `foldedName` would not convert the result back to the key, returns the key.
 */
function titleCase(chain: string): string {
  const title = chain
    .split('-')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(' ');
  return foldedName(title) === chain ? title : chain;
}
