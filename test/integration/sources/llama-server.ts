import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Local server whose answers a test can change while it runs. */
export interface LlamaServer {
  readonly url: string;
  /** Requests so far, as `METHOD path if-none-match`. */
  readonly requests: string[];
  answer: RequestListener;
  close(): Promise<void>;
}

/** Starts a local replacement for DefiLlama's API. */
export async function startLlamaServer(answer: RequestListener): Promise<LlamaServer> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers['if-none-match'] ?? '-'}`);
    llama.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const llama: LlamaServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return llama;
}

export const json =
  (body: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

/** Written by hand from known answers of the API; each peculiarity occurs once. */
export const PROTOCOLS = [
  {
    name: 'Plain Swap',
    slug: 'plain-swap',
    symbol: 'PLN',
    category: 'Dexs',
    chains: ['Binance', 'xDai', 'OP Mainnet'],
    tvl: 300,
    gecko_id: 'plain-swap',
    url: 'https://plain.example',
    chainTvls: {
      Binance: 100,
      xDai: 150,
      'OP Mainnet': 50,
      staking: 9_999,
      pool2: 9_999,
      borrowed: 9_999,
      'Binance-staking': 9_999,
      'xDai-borrowed': 9_999,
      Celo: null,
      Polygon: -3,
      masterchef: 9_999,
    },
  },
  { name: 'B.Protocol', slug: 'b.protocol', symbol: '-', chains: ['Ethereum'], tvl: 70, chainTvls: {} },
  {
    name: 'Only Total',
    slug: 'only-total',
    chains: ['Ethereum', 'Base'],
    tvl: 40,
    chainTvls: { Ethereum: null, Base: null },
  },
  { name: 'mETH Protocol', slug: 'meth-protocol', chains: ['Ethereum'], tvl: 5 },
  { name: 'mETH Protocol', slug: 'meth-protocol', chains: ['Ethereum'], tvl: 900 },
  { name: 'No Tvl', slug: 'no-tvl', chains: [], tvl: null },
  { name: 'Negative', slug: 'negative', chains: ['Ethereum'], tvl: -22_495.8 },
  { name: 'Empty', slug: 'empty', chains: ['Ethereum'], tvl: 0, change_1d: 528_089 },
  { name: 'Ankaragücü τ USD₮0', chains: ['Boba_Avax', 'Milkomeda C1'], tvl: 3 },
  {
    name: 'Detail',
    slug: 'detail',
    chains: ['Tron'],
    chainTvls: { Tron: { tvl: 8 }, Bsc: 'many' },
    symbol: 5,
    description: 'a\r\nb',
  },
  { name: 'Absurd', slug: 'absurd', chains: ['Ethereum'], tvl: 1e200 },
  { name: '01', slug: '01', chains: ['Ethereum'], tvl: 1 },
  { name: '', slug: '' },
  { slug: 'no-name' },
  null,
  7,
];
