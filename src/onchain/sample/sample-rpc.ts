import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bloomOf, type SampleBlock, type SampleBlocks } from './sample-blocks.js';

/** Number of the sample chain (EIP-155), which no registered chain has. */
export const SAMPLE_CHAIN_ID = 4_721_019_990;
const MAX_QUESTION_BYTES = 64 * 1024;
/** Largest range of `eth_getLogs`: about 700 logs. */
const MAX_RANGE_BLOCKS = 1_000;

const CODES = { invalid: -32_602, method: -32_601, unknown: -32_000 } as const;

/** Refusal of a call, with a code of JSON-RPC. */
class Refusal extends Error {
  constructor(
    readonly code: keyof typeof CODES,
    message: string,
  ) {
    super(message);
  }
}

type Method = (params: readonly unknown[]) => unknown;
type Members = Readonly<Record<string, unknown>>;

/** JSON-RPC over HTTP of the sample chain, for this process only: it listens on loopback, on a free port. */
export class SampleRpc {
  private constructor(
    private readonly server: Server,
    private readonly blocks: SampleBlocks,
  ) {}

  static async start(blocks: SampleBlocks): Promise<SampleRpc> {
    const server = createServer();
    const rpc = new SampleRpc(server, blocks);
    server.on('request', (request, response) => void rpc.serve(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return rpc;
  }

  get url(): string {
    const address = this.server.address() as AddressInfo;
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let id: unknown = null;
    try {
      const question = await questionOf(request);
      id = question['id'] ?? null;
      const { method, params } = question;
      const known = this.methods.get(typeof method === 'string' ? method : '');
      if (known === undefined) throw new Refusal('method', 'the method does not exist');
      send(response, { jsonrpc: '2.0', id, result: known(Array.isArray(params) ? params : []) });
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('invalid', 'the call is not valid');
      send(response, { jsonrpc: '2.0', id, error: { code: CODES[refusal.code], message: refusal.message } });
    }
  }

  private readonly methods: ReadonlyMap<string, Method> = new Map(
    Object.entries<Method>({
      eth_chainId: () => hex(SAMPLE_CHAIN_ID),
      eth_blockNumber: () => hex(this.blocks.head),
      eth_getBlockByNumber: ([tag]) => headerOf(this.blocks.byNumber(this.heightOf(tag))),
      eth_getBlockByHash: ([hash]) => headerOf(this.blocks.byHash(hash)),
      eth_getBlockReceipts: ([hash]) => receiptsOf(this.blocks.byHash(hash)),
      eth_getLogs: ([filter]) => this.logs(membersOf(filter)),
    }),
  );

  private heightOf(tag: unknown): number {
    if (tag === 'latest') return this.blocks.head;
    if (tag === 'finalized' || tag === 'safe') return this.blocks.final;
    return Number(tag);
  }

  private logs({ blockHash, fromBlock, toBlock, address, topics }: Members): Members[] {
    const addresses = new Set<unknown>([address].flat());
    const first = Array.isArray(topics) ? new Set<unknown>([topics[0]].flat()) : undefined;
    const isAsked = (log: Members): boolean =>
      (address === undefined || addresses.has(log['address'])) &&
      (first === undefined || (Array.isArray(log['topics']) && first.has(log['topics'][0])));
    return this.blocksOf(blockHash, fromBlock, toBlock).flatMap((block) => logsOf(block).filter(isAsked));
  }

  private blocksOf(hash: unknown, fromBlock: unknown, toBlock: unknown): SampleBlock[] {
    if (hash !== undefined) {
      const block = this.blocks.byHash(hash);
      if (block === undefined) throw new Refusal('unknown', 'unknown block');
      return [block];
    }
    const from = this.heightOf(fromBlock);
    const to = Math.min(this.heightOf(toBlock), this.blocks.head);
    const count = to - from + 1;
    if (!(count <= MAX_RANGE_BLOCKS))
      throw new Refusal('invalid', `block range too large (${count}), maximum allowed is ${MAX_RANGE_BLOCKS} blocks`);
    const numbers = Array.from({ length: Math.max(0, count) }, (_, at) => from + at);
    return numbers.flatMap((number) => this.blocks.byNumber(number) ?? []);
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;

async function questionOf(request: IncomingMessage): Promise<Members> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_QUESTION_BYTES) throw new Refusal('invalid', 'the call is too large');
    chunks.push(chunk);
  }
  const question: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  return membersOf(question);
}

function membersOf(value: unknown): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal('invalid', 'the call is no object');
  return { ...value };
}

function headerOf(block: SampleBlock | undefined): Members | null {
  if (block === undefined) return null;
  const { number, hash, parentHash, at, logs } = block;
  return { number: hex(number), hash, parentHash, timestamp: hex(at), logsBloom: bloomOf(logs), transactions: [] };
}

function logsOf({ number, hash, at, logs }: SampleBlock): Members[] {
  const transactions = [...new Set(logs.map(({ transactionHash }) => transactionHash))];
  return logs.map((log, index) => ({
    ...log,
    blockNumber: hex(number),
    blockHash: hash,
    blockTimestamp: hex(at),
    transactionIndex: hex(transactions.indexOf(log.transactionHash)),
    logIndex: hex(index),
    removed: false,
  }));
}

function receiptsOf(block: SampleBlock | undefined): Members[] | null {
  if (block === undefined) return null;
  const { hash, number } = block;
  const byTransaction = Map.groupBy(logsOf(block), ({ transactionHash }) => transactionHash);
  return [...byTransaction].map(([transactionHash, logs]) => ({
    blockHash: hash,
    blockNumber: hex(number),
    transactionHash,
    status: '0x1',
    logs,
  }));
}

function send(response: ServerResponse, answer: Members): void {
  const body = Buffer.from(JSON.stringify(answer));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}
