import { el } from '../dom.js';
import { whenReady } from '../stream.js';
import { mountGaps } from './gaps.js';
import { Onchain } from './panel.js';

/** State of each followed chain, the accounts with the most points, and the blocks whose logs are missing. */
export function mount(context) {
  const { root, api, stream, signal } = context;
  const section = el('section', { class: 'onchain panel', id: 'onchain', 'aria-labelledby': 'onchain-title' });
  root.append(section);
  const panel = new Onchain(section, api, stream, signal);
  whenReady(stream, signal, () => void stream.followChains());
  void panel.read();
  mountGaps(context);
}
