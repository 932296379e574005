import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { METRICS_TABLE } from '../../src/platform/metrics/metrics-table.js';
import type { MetricRow } from '../../src/platform/metrics/table/metric-row.js';
import { BusyApp } from '../support/servers/busy-app.js';
import { waitFor } from '../support/wait-for.js';

const rows = new Map<string, MetricRow>(Object.values(METRICS_TABLE).flatMap((component) => Object.entries(component)));
/** Ends of the names of a histogram's samples. */
const PARTS = /_(?:bucket|sum|count)$/;

let busy: BusyApp;

beforeAll(async () => {
  busy = await BusyApp.start();
});
afterAll(() => busy?.close());

const lines = async (word: 'TYPE' | 'HELP'): Promise<Record<string, string>> => {
  const found = (await busy.metrics()).matchAll(new RegExp(`^# ${word} (\\S+) (.*)$`, 'gm'));
  return Object.fromEntries([...found].map(([, name, text]) => [name, text]));
};
const rowOf = (name: string): MetricRow | undefined => rows.get(name) ?? rows.get(name.replace(PARTS, ''));

describe('the table of metrics', () => {
  it('has exactly the metrics of a running application, with their types and texts', async () => {
    const of = (field: 'type' | 'help') => Object.fromEntries([...rows].map(([name, row]) => [name, row[field]]));
    expect(await lines('TYPE')).toEqual(of('type'));
    expect(await lines('HELP')).toEqual(of('help'));
  });

  it('has exactly the labels of every sample, and no label has more values than its bound', async () => {
    await waitFor(async () => (await busy.samples()).some(({ name }) => name === 'notification_deliveries_total'), {
      timeoutMs: 30_000,
      what: 'a delivered webhook',
    });
    const values = new Map<string, Set<string>>();
    for (const { name, labels } of await busy.samples()) {
      const named = Object.keys(labels).filter((label) => label !== 'le');
      const allowed = rowOf(name)?.labels ?? {};
      for (const label of named) {
        expect(allowed, `${name}: ${label}`).toHaveProperty(label);
        const key = `${name}.${label}`;
        values.set(key, (values.get(key) ?? new Set()).add(labels[label] ?? ''));
      }
    }
    for (const [key, found] of values) {
      const [name = '', label = ''] = key.split('.');
      expect(found.size, `${key}: ${[...found].join()}`).toBeLessThanOrEqual(rowOf(name)?.labels?.[label] ?? 0);
    }
  });

  it('measures capture, delivery, replays, queries, alerts, hand-over, pool, triggers and chains under load', async () => {
    const measured = [
      'sequencer_step_seconds_count',
      'sequencer_step_events_count',
      'sequencer_lease_acquired_total',
      'capture_trigger_seconds_total',
      'capture_trigger_calls_total',
      'event_commit_to_delivery_seconds_count',
      'ws_sent_bytes_total',
      'ws_replays_total',
      'query_duration_seconds_count',
      'alert_transitions_total',
      'notification_handover_seconds_count',
      'database_pool_wait_seconds_count',
      'onchain_endpoints',
      'nodejs_gc_duration_seconds_count',
    ];
    const silent = await waitFor(
      async () => {
        const samples = await busy.samples();
        const left = measured.filter((name) => !samples.some((sample) => sample.name === name && sample.value > 0));
        return left.length === 0 ? 'none' : undefined;
      },
      { timeoutMs: 45_000, what: 'a value of every metric of the list' },
    );
    expect(silent).toBe('none');
  });
});
