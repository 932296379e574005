import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Counter, repeat, type Attack, type Victim } from './attack.js';
import { send } from './requests.js';

const headers = (key: string | undefined, more: object = {}) => ({
  'content-type': 'application/json',
  authorization: `Bearer ${key ?? ''}`,
  ...more,
});

async function post(victim: Victim, path: string, body: object, counter: Counter): Promise<void> {
  const answer = await send(victim, 'POST', path, {
    headers: headers(victim.freeKeys[0]),
    body: JSON.stringify(body),
  });
  counter.note(answer, typeof answer === 'string' || answer >= 400);
}

const TEMPLATES = [
  "{{ (1..100000) | group_by_exp: 'x', 'x | modulo: 3' | size }}",
  `{% assign a = (1..200000) %}{% if ${Array(100).fill('a contains -1').join(' or ')} %}x{% endif %}`,
  '{% for a in (1..99999) %}{% for b in (1..99999) %}{{ b }}{% endfor %}{% endfor %}',
  '{% assign a = (1..150000) %}{{ a | sort | uniq | reverse | join | size }}',
];

/** Returns conditions on every protocol and chain. */
const wildcards = (count: number): object[] =>
  Array.from({ length: count }, (_, index) => ({
    metric: 'tvl',
    operator: 'change_pct',
    threshold: 0.0001 * (index + 1),
    timeWindow: 3_600,
  }));

const HEAVY_QUERY = {
  time: { from: 'now-30d', bucket: '1h', fill: 'previous' },
  aggregations: [{ field: 'tvl', operation: 'percentile', p: 0.9, group_by: 'protocol' }],
};

export const USER_ATTACKS: readonly Attack[] = [
  {
    name: 'S4',
    does: 'sixty previews at once of templates that compute',
    run: async (victim, end) => {
      const counter = new Counter();
      let count = 0;
      await repeat(end, 60, async () => {
        const text = TEMPLATES[(count += 1) % TEMPLATES.length];
        await post(victim, '/v1/alerts/templates/preview', { subject: 's', text }, counter);
      });
      return counter;
    },
  },
  {
    name: 'S6',
    does: 'backtests of sixteen conditions on everything, 58 at once',
    run: async (victim, end) => {
      const counter = new Counter();
      await repeat(end, 58, () =>
        post(victim, '/v1/alerts/rules/backtest', { rule: { name: 'x', where: { or: wildcards(16) } } }, counter),
      );
      return counter;
    },
  },
  {
    name: 'S9',
    does: 'five connections with twenty live queries each over a week by the hour',
    run: async (victim, end) => {
      const counter = new Counter();
      const sockets = victim.freeKeys.slice(0, 5).map((key) => {
        const socket = new WebSocket(`ws://127.0.0.1:${victim.port}/ws?apiKey=${key}`);
        socket.on('error', () => undefined);
        socket.on('message', (data: Buffer) => {
          const text = data.toString('utf8').slice(0, 400);
          if (text.includes('"error"')) counter.note('error', true);
          else if (text.includes('query_result')) counter.note('result', false);
        });
        socket.on('open', () => {
          for (let n = 0; n < 20; n += 1) {
            const query = { ...HEAVY_QUERY, time: { from: 'now-7d', bucket: '1h' }, limit: 1_000 - n };
            socket.send(JSON.stringify({ type: 'subscribe', channels: ['query'], query }));
            socket.send(JSON.stringify({ type: 'subscribe', query }));
          }
        });
        return socket;
      });
      while (Date.now() < end) await sleep(100);
      for (const socket of sockets) socket.terminate();
      return counter;
    },
  },
  {
    name: 'S10',
    does: 'rules with invented push subscriptions, without a throttle',
    run: async (victim, end) => {
      const counter = new Counter();
      await repeat(Math.min(end, Date.now() + 3_000), 1, () =>
        post(victim, '/v1/alerts/rules', invented(counter.sent, 'always'), counter),
      );
      while (Date.now() < end) await sleep(100);
      return counter;
    },
  },
  {
    name: 'S14',
    does: 'rules that always fire, each with five invented devices',
    run: async (victim, end) => {
      const counter = new Counter();
      await repeat(Math.min(end, Date.now() + 3_000), 1, () =>
        post(victim, '/v1/alerts/rules', invented(counter.sent + 1_000, 'ever'), counter),
      );
      while (Date.now() < end) await sleep(100);
      return counter;
    },
  },
  {
    name: 'S15',
    does: 'heavy queries, as many at once as there are places',
    run: async (victim, end) => {
      const counter = new Counter();
      let count = 0;
      await repeat(end, 8, () =>
        post(victim, '/v1/query/advanced', { ...HEAVY_QUERY, limit: 1 + ((count += 1) % 1_000) }, counter),
      );
      return counter;
    },
  },
  {
    name: 'S16',
    does: 'large answers: events as CSV, lists of all values, 500 names each, 58 at once',
    run: async (victim, end) => {
      const counter = new Counter();
      const names = Array.from({ length: 500 }, (_, index) => `attack-${index}`).join(',');
      const paths = ['/v1/events?limit=1000', `/v1/prices/${names}`, '/v1/protocols?limit=1000'];
      let count = 0;
      await repeat(end, 58, async () => {
        const path = paths[(count += 1) % paths.length] ?? '/';
        const accept = count % 2 === 0 ? 'text/csv' : 'application/json';
        const answer = await send(victim, 'GET', path, { headers: headers(victim.freeKeys[0], { accept }) });
        counter.note(answer, typeof answer === 'string' || answer >= 400);
      });
      return counter;
    },
  },
];

function invented(seed: number, name: string): object {
  const token = (index: number): string => `${'invented'.repeat(16)}${seed}:${index}`.replaceAll(':', '-');
  return {
    name: `${name} ${seed}`,
    throttleMinutes: 0,
    conditions: [{ token: 'probe', metric: 'price', operator: 'gt', threshold: 0 }],
    actions: Array.from({ length: 5 }, (_, index) => ({ type: 'push', target: token(index) })),
  };
}
