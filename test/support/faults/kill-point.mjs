/**
 * Kills the built product, like `kill -9`, at a named point of its work; loaded before it with `node --import`.
 * `KILL_POINT` names the point, `KILL_AFTER` is the number of times that it is passed before (default 0).
 */
import { isMainThread } from 'node:worker_threads';

const { KILL_POINT: point, KILL_AFTER: after = '0' } = process.env;
let left = Number(after);

function pass(here) {
  if (here !== point || left-- > 0) return;
  process.kill(process.pid, 'SIGKILL');
}

const built = (path) => import(new URL(`../../../dist/src/${path}`, import.meta.url));

/** Runs `before` and `after` around a method of a product class. */
function around(prototype, method, { before, after: behind }) {
  const original = prototype[method];
  prototype[method] = function (...given) {
    before?.(...given);
    const result = original.apply(this, given);
    if (behind === undefined) return result;
    if (typeof result?.then !== 'function') {
      behind(result);
      return result;
    }
    return result.then((value) => {
      behind(value);
      return value;
    });
  };
}

if (isMainThread && point !== undefined) {
  const { ShardCommits } = await built('alerts/evaluation/shard-commits.js');
  const { TransitionWriter } = await built('alerts/evaluation/transition-writer.js');
  const { Deliveries } = await built('notifications/deliveries/deliveries.js');

  around(ShardCommits.prototype, 'commit', {
    before: (_lease, _from, work) => work.transitions.length > 0 && pass('evaluated'),
  });
  around(TransitionWriter.prototype, 'write', { after: () => pass('written') });
  around(Deliveries.prototype, 'announce', {
    before: (ids) => ids.length > 0 && pass('committed'),
    after: () => pass('announced'),
  });
}
