import { Agent, getGlobalDispatcher, setGlobalDispatcher, type Dispatcher } from 'undici';

const HOSTS: ReadonlySet<string> = new Set(['https://api.llama.fi', 'https://coins.llama.fi']);

/**
 * Redirects DefiLlama's host names to `url` for all `fetch` calls of this process, so that clients with built-in host
 * names run unchanged. DefiLlama's other hosts are refused. Returns a function that ends this.
 */
export function answerLlamaHosts(url: string): () => Promise<void> {
  const before = getGlobalDispatcher();
  const agent = new Agent();
  const elsewhere =
    (dispatch: Dispatcher['dispatch']): Dispatcher['dispatch'] =>
    (options, handler) => {
      const origin = String(options.origin);
      if (!origin.endsWith('.llama.fi')) return dispatch(options, handler);
      if (!HOSTS.has(origin)) throw new Error(`nobody answers ${origin} here`);
      return dispatch({ ...options, origin: url }, handler);
    };
  setGlobalDispatcher(agent.compose(elsewhere));
  return async () => {
    setGlobalDispatcher(before);
    await agent.close();
  };
}
