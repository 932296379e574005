import { el } from '../dom.js';
import { whenReady } from '../stream.js';
import { Onchain } from './panel.js';

/** Followed chains and the accounts with the most points. */
export function mount({ root, api, stream, signal }) {
  const section = el('section', { class: 'onchain panel', id: 'onchain', 'aria-labelledby': 'onchain-title' });
  root.append(section);
  const panel = new Onchain(section, api, stream, signal);
  whenReady(stream, signal, () => void stream.followChains());
  void panel.read();
}
