import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { LogQuery, LogSpec, MockBlock, MockChain } from './mock-rpc-chain.js';
import type { MockCall, MockFault } from './mock-rpc-faults.js';

/** Limits of `eth_getLogs`, with the text in which the endpoint refuses a larger range. */
export interface RangeLimits {
  readonly blocks?: number;
  readonly results?: number;
  /** Text of the refusal; `from` and `to` are a range that would be answered. */
  readonly refusal: (from: number, to: number) => { code: number; message: string };
}

export interface MockView {
  /** Blocks by which the endpoint is behind its chain. */
  lag?: number;
  /** Head that the endpoint reports, whatever its chain has. */
  head?: number;
  /** Final block that it reports; null: it does not know the tag. */
  finalized?: number | null;
  /** Chain id that it reports. */
  chainId?: number;
}

type Method = (params: readonly unknown[]) => unknown;
interface PlannedFault {
  readonly method: string | undefined;
  readonly fault: MockFault;
  left: number;
}

const hex = (value: number): string => `0x${value.toString(16)}`;

class Refusal extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** JSON-RPC endpoint over a `MockChain`, with faults that are planned by tests. Loopback only. */
export class MockRpc {
  /** Calls by method since the start. */
  readonly calls: Record<string, number> = {};
  /** View of its chain that the endpoint reports. */
  view: MockView = {};
  limits: RangeLimits | undefined;
  private readonly faults: PlannedFault[] = [];
  private readonly sockets: WebSocketServer;
  private readonly stopListening: () => void;

  private constructor(
    readonly chain: MockChain,
    private readonly server: Server,
  ) {
    server.on('request', (request, response) => void this.serve(request, response));
    this.sockets = new WebSocketServer({ server });
    this.sockets.on('connection', (socket) => {
      socket.on('message', (text: Buffer) => {
        const { id } = JSON.parse(text.toString()) as MockCall;
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: '0x1' }));
      });
    });
    this.stopListening = chain.onBlock((block) => this.announce(block));
  }

  /** Starts an endpoint on a port of the loopback address; default: a free one. */
  static async start(chain: MockChain, port = 0): Promise<MockRpc> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new MockRpc(chain, server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get wsUrl(): string {
    return this.url.replace('http', 'ws');
  }

  /** Number of sockets that wait for heads. */
  get watchers(): number {
    return this.sockets.clients.size;
  }

  /** Plans a fault for the next `times` calls (of a method, default: any); returns the function that ends it. */
  plan(fault: MockFault, { method, times = Infinity }: { method?: string; times?: number } = {}): () => void {
    const planned: PlannedFault = { method, fault, left: times };
    this.faults.push(planned);
    return () => void (planned.left = 0);
  }

  /** Ends all planned faults. */
  heal(): void {
    this.faults.length = 0;
  }

  /** Breaks all sockets that wait for heads. */
  dropSockets(): void {
    for (const socket of this.sockets.clients) socket.terminate();
  }

  async close(): Promise<void> {
    this.stopListening();
    this.dropSockets();
    this.sockets.close();
    this.server.closeAllConnections();
    await new Promise<unknown>((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const call = JSON.parse(Buffer.concat(chunks).toString()) as MockCall;
    this.calls[call.method] = (this.calls[call.method] ?? 0) + 1;
    const fault = this.faultOf(call.method);
    if (fault !== undefined && 'write' in fault) return fault.write(response, call);
    if (fault !== undefined && 'delayMs' in fault) await sleep(fault.delayMs);
    if (fault !== undefined && 'error' in fault)
      return send(response, { jsonrpc: '2.0', id: call.id, error: fault.error }, fault.status);
    try {
      const result = this.methods[call.method]?.(call.params);
      if (result === undefined) throw new Refusal(-32_601, `the method ${call.method} does not exist`);
      if (fault === undefined || 'delayMs' in fault) return sendResult(response, call.id, result);
      const plain: unknown = result instanceof LogsJson ? JSON.parse(result.text()) : result;
      if ('result' in fault) return send(response, { jsonrpc: '2.0', id: call.id, result: fault.result(plain, call) });
      return send(response, { jsonrpc: '2.0', id: call.id, result: plain, ...fault.envelope });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code, message } = error;
      return send(response, { jsonrpc: '2.0', id: call.id, error: { code, message } });
    }
  }

  private faultOf(method: string): MockFault | undefined {
    const planned = this.faults.find((each) => each.left > 0 && (each.method ?? method) === method);
    if (planned !== undefined) planned.left -= 1;
    return planned?.fault;
  }

  private get head(): number {
    return Math.max(0, this.view.head ?? this.chain.head - (this.view.lag ?? 0));
  }

  private readonly methods: Readonly<Record<string, Method>> = {
    eth_chainId: () => hex(this.view.chainId ?? this.chain.chainId),
    eth_blockNumber: () => hex(this.head),
    eth_getBlockByNumber: ([tag, isFull]) => this.numbered(String(tag))?.header(isFull === true) ?? null,
    eth_getBlockByHash: ([hash, isFull]) => this.hashed(String(hash))?.header(isFull === true) ?? null,
    eth_getBlockReceipts: ([hash]) => this.hashed(String(hash))?.receipts() ?? null,
    eth_getLogs: ([filter]) => this.logs(filter as Filter),
    /** Lets another process mine; not a method of nodes. */
    mock_mine: ([blocks]) => (blocks as LogSpec[][]).map((logs) => this.chain.mine(logs).hash),
    /** Calls so far, by method. */
    mock_calls: () => ({ ...this.calls }),
    mock_reorg: ([depth, blocks]) => {
      this.chain.reorg(Number(depth), blocks as LogSpec[][]);
      return hex(this.chain.head);
    },
  };

  private numbered(tag: string): MockBlock | undefined {
    if (tag === 'latest') return this.chain.block(this.head);
    if (tag === 'finalized' || tag === 'safe') {
      const { finalized } = this.view;
      if (finalized === null) throw new Refusal(-32_602, 'unknown block tag');
      return this.chain.block(finalized ?? this.chain.finalizedAt(this.head));
    }
    const number = Number(tag);
    return number > this.head ? undefined : this.chain.block(number);
  }

  private hashed(hash: string): MockBlock | undefined {
    const block = this.chain.byHash(hash);
    return block !== undefined && block.number <= this.head ? block : undefined;
  }

  private logs({ blockHash, fromBlock, toBlock, address, topics }: Filter): LogsJson {
    const first = topics?.[0];
    const query: LogQuery = {
      addresses: address === undefined ? undefined : new Set([address].flat()),
      topics: first === undefined || first === null ? undefined : new Set([first].flat()),
    };
    if (blockHash !== undefined) {
      const block = this.hashed(blockHash);
      if (block === undefined) throw new Refusal(-32_000, 'unknown block');
      return new LogsJson([block], query);
    }
    const from = Number(fromBlock);
    const to = Math.min(Number(toBlock), this.head);
    const blocks: MockBlock[] = [];
    for (let number = from; number <= to; number += 1) blocks.push(this.chain.block(number)!);
    this.checkLimits(blocks, query, from);
    return new LogsJson(blocks, query);
  }

  private checkLimits(blocks: readonly MockBlock[], query: LogQuery, from: number): void {
    if (this.limits === undefined || blocks.length <= 1) return;
    const { blocks: most = Infinity, results = Infinity, refusal } = this.limits;
    let [taken, found] = [0, 0];
    for (const block of blocks) {
      found += block.count(query);
      if (taken >= most || found > results) break;
      taken += 1;
    }
    if (taken === blocks.length) return;
    const { code, message } = refusal(from, from + Math.max(1, taken) - 1);
    throw new Refusal(code, message);
  }

  private announce(block: MockBlock): void {
    const params = { subscription: '0x1', result: block.header() };
    const text = JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params });
    for (const socket of this.sockets.clients) socket.send(text);
  }
}

interface Filter {
  readonly blockHash?: string;
  readonly fromBlock?: string;
  readonly toBlock?: string;
  readonly address?: string | string[];
  readonly topics?: readonly (string | string[] | null)[];
}

/** Result of `eth_getLogs`: written from the blocks' own text, never parsed. */
class LogsJson {
  constructor(
    private readonly blocks: readonly MockBlock[],
    private readonly query: LogQuery,
  ) {}

  pieces(): Buffer[] {
    const pieces: Buffer[] = [];
    for (const block of this.blocks) {
      const piece = block.logsJson(this.query);
      if (piece.length === 0) continue;
      pieces.push(pieces.length === 0 ? OPEN : COMMA, piece);
    }
    return pieces.length === 0 ? [OPEN, CLOSE] : [...pieces, CLOSE];
  }

  text(): string {
    return Buffer.concat(this.pieces()).toString('latin1');
  }
}

const MAX_PIECES = 256;
const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');

function sendResult(response: ServerResponse, id: unknown, result: unknown): void {
  if (!(result instanceof LogsJson)) return send(response, { jsonrpc: '2.0', id, result });
  const head = Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`);
  const given = [head, ...result.pieces(), Buffer.from('}')];
  // Few large pieces are written as they are; copying them would be most of the work.
  const pieces = given.length > MAX_PIECES ? [Buffer.concat(given)] : given;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': length });
  response.cork();
  for (const piece of pieces) response.write(piece);
  response.end();
}

function send(response: ServerResponse, answer: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}
