/** How DefiLlama calls a chain and what it says of it beside its TVL. */
export interface ChainFact {
  /** In `/v2/chains`. */
  readonly name: string;
  /** In `chains` and `chainTvls` of protocols, where that differs. */
  readonly nameInProtocols?: string;
  readonly geckoId: string | null;
  readonly symbol: string | null;
  readonly cmcId: string | null;
  readonly chainId: number | null;
}

type Row = [
  key: string,
  name: string,
  geckoId: string | null,
  symbol: string | null,
  cmcId: string | null,
  id?: number,
];

/** The larger chains; plain facts, source: DefiLlama (https://defillama.com), May 2026. */
const ROWS: readonly Row[] = [
  ['ethereum', 'Ethereum', 'ethereum', 'ETH', '1027', 1],
  ['bsc', 'BSC', 'binancecoin', 'BNB', '1839', 56],
  ['solana', 'Solana', 'solana', 'SOL', '5426'],
  ['tron', 'Tron', 'tron', 'TRON', '1958'],
  ['bitcoin', 'Bitcoin', 'bitcoin', 'BTC', '1'],
  ['base', 'Base', null, null, null, 8453],
  ['hyperliquid-l1', 'Hyperliquid L1', 'hyperliquid', 'HYPE', '32196'],
  ['arbitrum', 'Arbitrum', 'arbitrum', 'ARB', '11841', 42161],
  ['polygon', 'Polygon', 'polygon-ecosystem-token', 'POL', '28321', 137],
  ['plasma', 'Plasma', 'plasma', 'XPL', null, 9745],
  ['avalanche', 'Avalanche', 'avalanche-2', 'AVAX', '5805', 43114],
  ['sui', 'Sui', 'sui', 'SUI', '20947'],
  ['monad', 'Monad', 'monad', 'MON', '30495', 143],
  ['optimism', 'OP Mainnet', 'optimism', 'OP', '11840', 10],
  ['cronos', 'Cronos', 'crypto-com-chain', 'CRO', '3635', 25],
  ['ink', 'Ink', null, null, null, 57073],
  ['mantle', 'Mantle', 'mantle', 'MNT', '27075', 5000],
  ['stellar', 'Stellar', 'stellar', 'XLM', '512'],
  ['aptos', 'Aptos', 'aptos', 'APT', '21794'],
  ['starknet', 'Starknet', 'starknet', 'STRK', '22691'],
  ['near', 'Near', 'near', 'NEAR', '6535'],
  ['movement', 'Movement', 'movement', 'MOVE', '32452', 3073],
  ['flare', 'Flare', 'flare-networks', 'FLR', '4172'],
  ['megaeth', 'MegaETH', 'megaeth', 'MEGA', null, 4326],
  ['katana', 'Katana', null, null, null, 747474],
  ['cardano', 'Cardano', 'cardano', 'ADA', '2010'],
  ['stacks', 'Stacks', 'blockstack', 'STX', '4847'],
  ['rootstock', 'Rootstock', 'rootstock', 'RBTC', '3626', 30],
  ['dydx', 'dYdX', 'dydx-chain', 'dYdX', '28324'],
  ['x-layer', 'X Layer', 'x-layer', null, null],
  ['gnosis', 'Gnosis', 'gnosis', 'GNO', '1659', 100],
  ['ton', 'TON', 'the-open-network', 'TON', '11419'],
  ['kava', 'Kava', 'kava', 'KAVA', '4846'],
  ['berachain', 'Berachain', 'berachain-bera', 'BERA', '24647', 80094],
  ['sei', 'Sei', 'sei-network', 'SEI', '23149'],
  ['hedera', 'Hedera', 'hedera-hashgraph', 'HBAR', '4642', 295],
  ['pulsechain', 'PulseChain', 'pulsechain', 'PLS', '11145'],
  ['xrpl', 'XRPL', 'ripple', 'XRP', '52'],
  ['algorand', 'Algorand', 'algorand', 'ALGO', '4030'],
  ['linea', 'Linea', 'linea', 'LINEA', null, 59144],
  ['thorchain', 'Thorchain', 'thorchain', 'RUNE', '4157'],
  ['blast', 'Blast', 'blast', 'BLAST', '28480', 81457],
  ['sonic', 'Sonic', 'sonic-3', 'S', null, 146],
  ['unichain', 'Unichain', null, '-', null, 130],
  ['tezos', 'Tezos', 'tezos', 'XTZ', '2011'],
  ['fraxtal', 'Fraxtal', 'fraxtal', 'FXTL', null, 252],
  ['world-chain', 'World Chain', 'worldcoin-wld', 'WLD', null, 480],
  ['celo', 'Celo', 'celo', 'CELO', '5567', 42220],
  ['osmosis', 'Osmosis', 'osmosis', 'OSMO', '12220'],
  ['zksync-era', 'ZKsync Era', 'zksync', 'ZK', '24091', 324],
  ['abstract', 'Abstract', null, null, null, 2741],
  ['kaia', 'Kaia', 'klay-token', 'KLAY', '4256', 8217],
  ['flow', 'Flow', 'flow', 'FLOW', '4558', 747],
  ['ronin', 'Ronin', null, 'RON', null, 2020],
];

const NAMES_IN_PROTOCOLS: Readonly<Record<string, string>> = {
  bsc: 'Binance',
  gnosis: 'xDai',
  optimism: 'Optimism',
  rootstock: 'RSK',
  'zksync-era': 'zkSync Era',
};

const FACTS: ReadonlyMap<string, ChainFact> = new Map(
  ROWS.map(([key, name, geckoId, symbol, cmcId, chainId = null]) => [
    key,
    { name, nameInProtocols: NAMES_IN_PROTOCOLS[key] ?? name, geckoId, symbol, cmcId, chainId },
  ]),
);

/** What is known of a chain; one that is not in the table gets a readable name and nulls. */
export function chainFact(chain: string): ChainFact {
  return FACTS.get(chain) ?? { name: titleCase(chain), geckoId: null, symbol: null, cmcId: null, chainId: null };
}

/** `bsc` is `Binance`, `ethereum-borrowed` is `Ethereum-borrowed`, `staking` stays: the keys of `chainTvls`. */
export function nameInProtocols(chain: string, isPseudo: (chain: string) => boolean): string {
  if (isPseudo(chain)) {
    const dash = chain.lastIndexOf('-');
    return dash < 0 ? chain : `${nameInProtocols(chain.slice(0, dash), isPseudo)}${chain.slice(dash)}`;
  }
  const fact = chainFact(chain);
  return fact.nameInProtocols ?? fact.name;
}

function titleCase(chain: string): string {
  return chain
    .split('-')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(' ');
}
