import { whenReady } from '../stream.js';
import { Query } from './query.js';

/** A query of all data, answered in rows that stay current. */
export function mount({ api, stream, choose, signal }) {
  const query = new Query(api, stream, choose, signal);
  whenReady(stream, signal, () => query.resume());
  return { repaint: () => query.repaint() };
}
