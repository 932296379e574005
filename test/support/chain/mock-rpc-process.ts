import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Exported function of a module that makes a `MockChain` of plain data. */
interface ChainMaker {
  readonly module: URL;
  readonly name: string;
  readonly input?: unknown;
}

export interface MockRpcProcess {
  readonly url: string;
  readonly wsUrl: string;
  readonly pid: number;
  /** Calls a method of the endpoint, such as `mock_mine`. */
  call(method: string, params: readonly unknown[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts an endpoint in its own process, so that a test or bench measures its reader alone. */
export async function startMockRpcProcess({ module, name, input }: ChainMaker): Promise<MockRpcProcess> {
  const maker = JSON.stringify({ module: module.href, name, input });
  const flags = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning', '--import'];
  const loader = new URL('../run/typescript.mjs', import.meta.url).href;
  const main = new URL('mock-rpc-main.mjs', import.meta.url).pathname;
  const child = spawn(process.execPath, [...flags, loader, main, maker], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const first = new Promise<string>((resolve) => createInterface(child.stdout!).once('line', resolve));
  const line = await Promise.race([first, ended.then(() => '')]);
  if (line === '') throw new Error('the endpoint ended before it was ready');
  const { url, wsUrl } = JSON.parse(line) as { url: string; wsUrl: string };
  return {
    url,
    wsUrl,
    pid: child.pid ?? 0,
    call: async (method, params) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
      const answer = (await (await fetch(url, { method: 'POST', body })).json()) as { result: unknown };
      return answer.result;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
