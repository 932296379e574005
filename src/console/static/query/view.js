import { whenReady } from '../stream.js';
import { startCompletion } from './completion.js';
import { Query } from './query.js';
import { written } from './questions.js';
import { queryOf } from './sharing.js';

/** A query of all data, answered in rows that stay current. */
export function mount({ api, stream, choose, signal }, route) {
  const query = new Query(api, stream, choose, signal);
  startCompletion(api, signal);
  const shared = queryOf(route, written);
  if (shared) query.open(shared);
  whenReady(stream, signal, () => query.resume());
  return {
    repaint: () => query.repaint(),
    show: (next) => {
      const text = queryOf(next, written);
      if (text) query.open(text);
    },
  };
}
