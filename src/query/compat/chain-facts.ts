import { chainNameInProtocols } from '../../events/index.js';

/** DefiLlama's data about a chain, except for its name and TVL. */
interface ChainFact {
  readonly geckoId: string | null;
  readonly symbol: string | null;
  readonly cmcId: string | null;
  readonly chainId: number | null;
}

type Row = [key: string, geckoId: string | null, symbol: string | null, cmcId: string | null, id?: number];

/** Data of the larger chains, as in DefiLlama (https://defillama.com), May 2026. */
const ROWS: readonly Row[] = [
  ['ethereum', 'ethereum', 'ETH', '1027', 1],
  ['bsc', 'binancecoin', 'BNB', '1839', 56],
  ['solana', 'solana', 'SOL', '5426'],
  ['tron', 'tron', 'TRON', '1958'],
  ['bitcoin', 'bitcoin', 'BTC', '1'],
  ['base', null, null, null, 8453],
  ['hyperliquid-l1', 'hyperliquid', 'HYPE', '32196'],
  ['arbitrum', 'arbitrum', 'ARB', '11841', 42161],
  ['polygon', 'polygon-ecosystem-token', 'POL', '28321', 137],
  ['plasma', 'plasma', 'XPL', null, 9745],
  ['avalanche', 'avalanche-2', 'AVAX', '5805', 43114],
  ['sui', 'sui', 'SUI', '20947'],
  ['monad', 'monad', 'MON', '30495', 143],
  ['optimism', 'optimism', 'OP', '11840', 10],
  ['cronos', 'crypto-com-chain', 'CRO', '3635', 25],
  ['ink', null, null, null, 57073],
  ['mantle', 'mantle', 'MNT', '27075', 5000],
  ['stellar', 'stellar', 'XLM', '512'],
  ['aptos', 'aptos', 'APT', '21794'],
  ['starknet', 'starknet', 'STRK', '22691'],
  ['near', 'near', 'NEAR', '6535'],
  ['movement', 'movement', 'MOVE', '32452', 3073],
  ['flare', 'flare-networks', 'FLR', '4172'],
  ['megaeth', 'megaeth', 'MEGA', null, 4326],
  ['katana', null, null, null, 747474],
  ['cardano', 'cardano', 'ADA', '2010'],
  ['stacks', 'blockstack', 'STX', '4847'],
  ['rootstock', 'rootstock', 'RBTC', '3626', 30],
  ['dydx', 'dydx-chain', 'dYdX', '28324'],
  ['x-layer', 'x-layer', null, null],
  ['gnosis', 'gnosis', 'GNO', '1659', 100],
  ['ton', 'the-open-network', 'TON', '11419'],
  ['kava', 'kava', 'KAVA', '4846'],
  ['berachain', 'berachain-bera', 'BERA', '24647', 80094],
  ['sei', 'sei-network', 'SEI', '23149'],
  ['hedera', 'hedera-hashgraph', 'HBAR', '4642', 295],
  ['pulsechain', 'pulsechain', 'PLS', '11145'],
  ['xrpl', 'ripple', 'XRP', '52'],
  ['algorand', 'algorand', 'ALGO', '4030'],
  ['linea', 'linea', 'LINEA', null, 59144],
  ['thorchain', 'thorchain', 'RUNE', '4157'],
  ['blast', 'blast', 'BLAST', '28480', 81457],
  ['sonic', 'sonic-3', 'S', null, 146],
  ['unichain', null, '-', null, 130],
  ['tezos', 'tezos', 'XTZ', '2011'],
  ['fraxtal', 'fraxtal', 'FXTL', null, 252],
  ['world-chain', 'worldcoin-wld', 'WLD', null, 480],
  ['celo', 'celo', 'CELO', '5567', 42220],
  ['osmosis', 'osmosis', 'OSMO', '12220'],
  ['zksync-era', 'zksync', 'ZK', '24091', 324],
  ['abstract', null, null, null, 2741],
  ['kaia', 'klay-token', 'KLAY', '4256', 8217],
  ['flow', 'flow', 'FLOW', '4558', 747],
  ['ronin', null, 'RON', null, 2020],
];

const FACTS: ReadonlyMap<string, ChainFact> = new Map(
  ROWS.map(([key, geckoId, symbol, cmcId, chainId = null]) => [key, { geckoId, symbol, cmcId, chainId }]),
);
const UNKNOWN: ChainFact = { geckoId: null, symbol: null, cmcId: null, chainId: null };

/** Returns the data of a chain; nulls if the table does not contain it. */
export function chainFact(chain: string): ChainFact {
  return FACTS.get(chain) ?? UNKNOWN;
}

/**
 * Returns the key of a chain in `chainTvls`: `bsc` is `Binance`, `ethereum-borrowed` is `Ethereum-borrowed`, `staking` is
 * unchanged.
 */
export function nameInProtocols(chain: string, isPseudo: (chain: string) => boolean): string {
  if (!isPseudo(chain)) return chainNameInProtocols(chain);
  const dash = chain.lastIndexOf('-');
  return dash < 0 ? chain : `${nameInProtocols(chain.slice(0, dash), isPseudo)}${chain.slice(dash)}`;
}
