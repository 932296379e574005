import { List } from '../kit/list.js';
import { facts, utc } from '../kit/facts.js';
import { sentenceOf } from '../kit/refusal.js';
import { el, setText } from '../dom.js';
import { count, milliseconds } from '../format.js';
import { latencyBars } from './latency.js';
import { bucketsOf, quantile, readMetrics, sumOf, valueOf } from './metrics.js';

/** Time between two readings, ms. */
const INTERVAL_MS = 5_000;

/** State of the process that answers, read again every few seconds while the page is visible. */
export function mount({ root, api, signal }) {
  const note = el('p', { class: 'muted' }, 'Figures of the process that answers this page.');
  const figures = el('section', { class: 'panel figures', 'aria-label': 'Figures' });
  const latency = el('section', { class: 'panel latency', 'aria-label': 'From commit to delivery' });
  const queues = el('section', { class: 'panel queues', 'aria-label': 'Queues' });
  const facets = el('section', { class: 'panel process', 'aria-label': 'Process' });
  const leaders = new List({
    label: 'Leaders of the event log',
    empty: 'No process has led yet.',
    rows: 10,
    read: ({ cursor, limit }) => api.get('/v1/admin/audit', { action: 'log.lead', cursor, limit }, signal),
    key: ({ id }) => id,
    columns: [
      { title: 'Since (UTC)', draw: ({ at }) => utc(at) },
      { title: 'Host', draw: ({ detail }) => detail?.host },
      { title: 'Process', draw: ({ detail }) => detail?.pid },
      { title: 'Term', draw: ({ detail }) => detail?.lease },
    ],
  });
  root.append(
    note,
    el('div', { class: 'grid' }, figures, latency, queues, facets),
    el('h2', {}, 'Leaders of the event log, the present one first'),
    leaders.node,
  );
  void leaders.restart();

  let before;
  let timer;
  const read = async () => {
    clearTimeout(timer);
    try {
      const samples = await readMetrics(signal);
      const now = {
        at: performance.now(),
        events: sumOf(samples, 'event_log_events_total'),
        sent: sumOf(samples, 'ws_event_routed_total'),
      };
      figures.replaceChildren(el('h2', {}, 'Now'), facts(figuresOf(samples, before, now)));
      before = now;
      latency.replaceChildren(...latencyBars(bucketsOf(samples, 'event_commit_to_delivery_seconds')));
      queues.replaceChildren(el('h2', {}, 'Queues'), facts(queuesOf(samples)));
      setText(note, 'Figures of the process that answers this page.');
    } catch (error) {
      if (!signal.aborted) setText(note, `Not up to date: ${sentenceOf(error)}`);
    }
    if (!signal.aborted && !document.hidden) timer = setTimeout(() => void read(), INTERVAL_MS);
  };
  const readProcess = async () => {
    try {
      facets.replaceChildren(el('h2', {}, 'Process'), facts(processOf(await api.get('/v1/admin/system', {}, signal))));
    } catch (error) {
      if (!signal.aborted) facets.replaceChildren(el('h2', {}, 'Process'), el('p', {}, sentenceOf(error)));
    }
  };
  document.addEventListener('visibilitychange', () => document.hidden || void read(), { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  void read();
  void readProcess();
}

function figuresOf(samples, before, now) {
  const rate = (name) =>
    before ? `${((now[name] - before[name]) / ((now.at - before.at) / 1_000)).toFixed(1)}/s` : 'measuring';
  const lag = bucketsOf(samples, 'event_log_lag_seconds');
  const seconds = (name) => milliseconds((valueOf(samples, name) ?? Number.NaN) * 1_000);
  return {
    'Leads the event log': valueOf(samples, 'sequencer_leader') === 1 ? 'yes' : 'no',
    'Events logged': rate('events'),
    'Messages sent': rate('sent'),
    'Lag of the log, median': milliseconds(quantile(lag, 0.5) * 1_000),
    'Lag of the log, 99 %': milliseconds(quantile(lag, 0.99) * 1_000),
    'Oldest change not logged': seconds('outbox_age_seconds'),
    'Longest turn, last minute': milliseconds(
      (valueOf(samples, 'event_loop_longest_turn_seconds', { window: 'minute' }) ?? Number.NaN) * 1_000,
    ),
    Connections: count(sumOf(samples, 'ws_connections')),
    Subscriptions: count(sumOf(samples, 'ws_subscription_count')),
    'Waiting for the database': count(sumOf(samples, 'database_pool_waiting')),
  };
}

/** Queues with their jobs that wait, run and failed. */
function queuesOf(samples) {
  const queues = new Map();
  for (const { labels, value } of samples.get('queue_jobs') ?? []) {
    const known = queues.get(labels.queue) ?? {};
    queues.set(labels.queue, { ...known, [labels.state]: value });
  }
  const lines = [...queues].map(([name, { waiting = 0, prioritized = 0, delayed = 0, active = 0, failed = 0 }]) => [
    name,
    `${count(waiting + prioritized)} waiting, ${count(delayed)} delayed, ${count(active)} running, ${count(failed)} failed`,
  ]);
  return Object.fromEntries(lines.length > 0 ? lines : [['Queues', 'none in this process']]);
}

function processOf({ process, settings, database, connections }) {
  return {
    Version: process.version,
    Node: process.node,
    Role: settings.ROLE,
    'Started (UTC)': utc(process.startedAt),
    Memory: `${count(Math.round(process.memoryBytes / 1e6))} MB`,
    PostgreSQL: database.version ?? database.status,
    Database: database.bytes ? `${count(Math.round(database.bytes / 1e6))} MB` : '–',
    'Open connections': connections.open,
    'Keys in use': connections.keys,
    Sources: settings.SOURCE.join(', ') || 'none',
  };
}
