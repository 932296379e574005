import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { encodeDeployData, encodeFunctionData, type Abi } from 'viem';
import { parseAddress, type Address, type Hash, type RawLog } from '../../../src/onchain/core/index.js';
import { waitFor } from '../wait-for.js';

export type ContractName = 'PointsNft' | 'Collection' | 'Staking' | 'Items' | 'Coin';

interface Built {
  readonly contracts: Readonly<Record<ContractName, { readonly abi: Abi; readonly bytecode: `0x${string}` }>>;
}

const { contracts } = JSON.parse(readFileSync(new URL('points-nft.json', import.meta.url), 'utf8')) as Built;

export interface AnvilOptions {
  /** Seconds between blocks; without it each transaction is mined at once, or, if 0, only by `mine`. */
  readonly blockSeconds?: number;
  readonly chainId?: number;
}

/** Transaction that a reorganisation puts into one of the new blocks, counted from 0. */
interface MovedTransaction {
  readonly hash: Hash;
  readonly block: number;
}

/** Real chain of a test's own, with ten funded accounts; a block is final once two stand above it. */
export interface Anvil {
  readonly url: string;
  readonly accounts: readonly Address[];
  rpc<T>(method: string, ...params: unknown[]): Promise<T>;
  deploy(name: ContractName, ...args: unknown[]): Promise<Address>;
  /** Sends a call of a contract's function, and waits until it is mined unless blocks come by `mine` only. */
  send(name: ContractName, to: Address, functionName: string, ...args: unknown[]): Promise<Hash>;
  /** Mines blocks; they are a second apart. */
  mine(blocks?: number): Promise<void>;
  /** Replaces the newest `depth` blocks; their transactions are lost, except those that are moved. */
  reorg(depth: number, moved?: readonly MovedTransaction[]): Promise<void>;
  /** Number of the block with this tag. */
  height(tag?: 'latest' | 'finalized'): Promise<number>;
  logs(fromBlock?: number, toBlock?: number): Promise<RawLog[]>;
  close(): Promise<void>;
}

/** Starts a chain on a free port. Gas costs nothing, and a block takes any number of events. */
export async function startAnvil({ blockSeconds, chainId = 31_337 }: AnvilOptions = {}): Promise<Anvil> {
  const args = ['--port', '0', '--host', '127.0.0.1', '--chain-id', String(chainId), '--slots-in-an-epoch', '1'];
  args.push('--gas-limit', '100000000000', '--base-fee', '0', '--gas-price', '0');
  if (blockSeconds) args.push('--block-time', String(blockSeconds));
  if (blockSeconds === 0) args.push('--no-mining');
  const { server, url } = await started(args);
  const rpc = rpcTo(url);
  const accounts = await rpc<Address[]>('eth_accounts');
  const [from] = accounts;

  async function transact(transaction: object): Promise<Hash> {
    const hash = await rpc<Hash>('eth_sendTransaction', { from, gas: '0x174876e800', ...transaction });
    if (blockSeconds !== 0) await mined(rpc, hash);
    return hash;
  }

  return {
    url,
    accounts,
    rpc,
    deploy: async (name, ...given) => {
      const { abi, bytecode } = contracts[name];
      const hash = await transact({ data: encodeDeployData({ abi, bytecode, args: given }) });
      if (blockSeconds === 0) await rpc('evm_mine');
      const address = parseAddress((await mined(rpc, hash)).contractAddress);
      if (!address) throw new Error(`${name} was not deployed`);
      return address;
    },
    send: (name, to, functionName, ...given) =>
      transact({ to, data: encodeFunctionData({ abi: contracts[name].abi, functionName, args: given }) }),
    mine: async (blocks = 1) => {
      await rpc('anvil_mine', `0x${blocks.toString(16)}`, '0x1');
    },
    reorg: async (depth, moved = []) => {
      const raw = moved.map(({ hash }) => rpc<string>('eth_getRawTransactionByHash', hash));
      const pairs = (await Promise.all(raw)).map((text, position) => [text, moved[position]?.block]);
      await rpc('anvil_reorg', depth, pairs);
    },
    height: async (tag = 'latest') =>
      Number((await rpc<{ number: string }>('eth_getBlockByNumber', tag, false)).number),
    logs: (fromBlock = 0, toBlock) => {
      const to = toBlock === undefined ? 'latest' : `0x${toBlock.toString(16)}`;
      return rpc('eth_getLogs', { fromBlock: `0x${fromBlock.toString(16)}`, toBlock: to });
    },
    close: async () => {
      if (server.exitCode !== null || server.signalCode !== null) return;
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
  };
}

/** Path of the program, which npm installs for this system only. */
function program(): string {
  const system = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json'));
  return require.resolve(`@foundry-rs/anvil-${system}/bin/anvil`);
}

async function started(args: readonly string[]): Promise<{ server: ChildProcess; url: string }> {
  const server = spawn(program(), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const end = (): boolean => server.kill('SIGKILL');
  process.once('exit', end);
  server.once('exit', () => process.off('exit', end));
  let said = '';
  let port: string | undefined;
  server.stdout.on('data', (chunk: Buffer) => {
    // Goes on reading after the start, since the program would wait for a full pipe.
    if (port === undefined) said += chunk.toString();
    port ??= /Listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
  });
  await waitFor(() => port !== undefined || server.exitCode !== null, { what: 'anvil' });
  if (port === undefined) throw new Error(`anvil ended with ${server.exitCode}:\n${said}`);
  return { server, url: `http://127.0.0.1:${port}` };
}

function rpcTo(url: string): Anvil['rpc'] {
  return async <T>(method: string, ...params: unknown[]) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const answer = (await response.json()) as { result?: T; error?: { message: string } };
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result as T;
  };
}

interface Receipt {
  readonly status: string;
  readonly contractAddress: string | null;
}

/** Waits for a transaction's receipt; one that was reverted is an error. */
async function mined(rpc: Anvil['rpc'], hash: Hash): Promise<Receipt> {
  const found = await waitFor(() => rpc<Receipt | null>('eth_getTransactionReceipt', hash), {
    what: `transaction ${hash}`,
  });
  if (found.status !== '0x1') throw new Error(`transaction ${hash} was reverted`);
  return found;
}
