import { byId, el } from './dom.js';

/** Interval at which the server is asked whether it follows a chain, ms. */
const ASK_INTERVAL_MS = 15_000;

/** Shows the panel of chains once the server follows one; until then nothing of it is loaded. */
export async function startOnchain(api, stream) {
  const isWanted = await api.get('/v1/onchain/status', {}).then(
    ({ data }) => data.length > 0,
    () => false,
  );
  if (stream.state === 'refused') return;
  if (!isWanted) {
    setTimeout(() => void startOnchain(api, stream), ASK_INTERVAL_MS);
    return;
  }
  const style = el('link', { rel: 'stylesheet', href: new URL('onchain.css', import.meta.url).pathname });
  const styled = new Promise((resolve) => style.addEventListener('load', resolve));
  document.head.append(style);
  const [{ Onchain }] = await Promise.all([import('./onchain.js'), styled]);
  const root = byId('onchain');
  await new Onchain(root, api, stream).read();
  root.hidden = false;
}
