import { Agent, getGlobalDispatcher, setGlobalDispatcher, type Dispatcher } from 'undici';

const HOSTS: ReadonlySet<string> = new Set(['https://api.llama.fi', 'https://coins.llama.fi']);

/**
 * Answers DefiLlama's host names at `url`, for everything in this process that calls `fetch`: clients into which the names are
 * built run as they are. Other hosts of theirs are refused. Returns what ends it.
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
