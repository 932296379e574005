import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Broker, type BatchListener } from '../../../src/events/feed/broker.js';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { quietFor, waitFor } from '../../support/wait-for.js';
import { createPod, type Pod } from './capture-fixture.js';

type Fate = 'pass' | 'drop' | 'twice' | 'late' | 'halves';

/** Broker that treats each batch as the test determines. */
class UnreliableBroker extends Broker {
  fates: Fate[] = [];
  change = (batch: readonly LogEvent[]): readonly LogEvent[] => batch;
  private readonly listeners = new Set<BatchListener>();
  private held: (readonly LogEvent[])[] = [];

  override publish(given: readonly LogEvent[]): Promise<void> {
    const batch = this.change(given);
    const fate = this.fates.shift() ?? 'pass';
    if (fate === 'drop') return Promise.reject(new Error('the broker is unavailable'));
    if (fate === 'late') {
      this.held.push(batch);
      return Promise.resolve();
    }
    const half = Math.ceil(batch.length / 2);
    const out = fate === 'halves' ? [batch.slice(half), batch.slice(0, half)] : [batch, ...this.held.splice(0)];
    if (fate === 'twice') out.push(batch);
    for (const one of out) for (const listener of this.listeners) listener(one);
    return Promise.resolve();
  }

  override subscribe(listener: BatchListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }
}

describe('invariant 3: the event feed of a pod', () => {
  let db: TestDatabase;
  let pod: Pod;
  const broker = new UnreliableBroker();
  const seen: LogEvent[] = [];
  const errors: number[] = [];
  const positions: [number, number | undefined][] = [];

  beforeAll(async () => {
    db = await createTestDatabase();
    pod = createPod(db.url, broker);
    await pod.feed.start();
    pod.feed.subscribe(() => {
      errors.push(1);
      throw new Error('a listener of a test fails on purpose');
    });
    pod.feed.subscribe((batch) => {
      positions.push([pod.feed.position, batch.at(-1)?.seq]);
      seen.push(...batch);
    });
    pod.sequencer.start();
  });

  afterAll(async () => {
    await pod.close();
    await db.drop();
  });

  it('promptly reads events that the broker dropped, even after the clock was set back', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    try {
      await db.pool.query(`SELECT append_events('[{"type": "liquidation"}]')`);
      await waitFor(() => pod.feed.state === 'broker');
    } finally {
      vi.useRealTimers();
    }
    broker.fates = ['drop', 'drop'];
    await db.pool.query(`SELECT append_events('[{"type": "emission"}]')`);
    await expect.poll(() => seen.map(({ type }) => type), { timeout: 20_000 }).toContain('emission');
    broker.fates = [];
  });

  it('delivers an event that it cannot keep in memory, and everything after it', async () => {
    const deep = JSON.parse('{"a":'.repeat(30_000) + '1' + '}'.repeat(30_000)) as LogEvent['data'];
    broker.change = (batch) => batch.map((event) => (event.type === 'governance' ? { ...event, data: deep } : event));
    const from = pod.feed.position;
    await db.pool.query(
      `SELECT append_events('[{"type": "liquidation"}, {"type": "governance"}, {"type": "emission"}]')`,
    );
    const later = () => seen.filter(({ seq }) => seq > from).map(({ type }) => type);
    await expect
      .poll(later, { timeout: 20_000 })
      .toEqual(expect.arrayContaining(['liquidation', 'governance', 'emission']));
    broker.change = (batch) => batch;
    expect(pod.feed.recent(from, 1)).toBeUndefined();
    expect(pod.feed.recent(pod.feed.position - 1, 1)).toHaveLength(1);
  });

  it('delivers large events in batches of at most 256 KB, whether they come from the broker or from the log', async () => {
    const sizes: number[] = [];
    const names: string[] = [];
    const unsubscribe = pod.feed.subscribe((batch) => {
      const large = batch.filter(({ correlationId }) => correlationId !== null);
      names.push(...large.map(({ correlationId }) => String(correlationId)));
      sizes.push(JSON.stringify(large.map(({ data }) => data)).length);
    });
    // Of the first batches each comes from the broker; the others are dropped and read from the log.
    broker.fates = [...Array<Fate>(5).fill('pass'), ...Array<Fate>(40).fill('drop')];
    await db.pool.query(
      `INSERT INTO change_outbox (type, correlation_id, data)
       SELECT 'governance', 'large ' || n, jsonb_build_object('text', repeat('x', 60000)) FROM generate_series(1, 40) n`,
    );
    const expected = Array.from({ length: 40 }, (_, index) => `large ${index + 1}`);
    await expect.poll(() => names, { timeout: 20_000 }).toEqual(expected);
    unsubscribe();
    broker.fates = [];
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    expect(sizes.length).toBeGreaterThanOrEqual(10);
  });

  it('delivers thousands of small events in parts, between which the process handles other input', async () => {
    const delivered: number[] = [];
    const parts: number[] = [];
    const unsubscribe = pod.feed.subscribe((batch) => {
      const end = performance.now() + batch.length * 0.02; // as if each event reached a hundred connections
      while (performance.now() < end);
      delivered.push(...batch.map(({ seq }) => seq));
      parts.push(batch.length);
    });
    let turns = 0;
    const turn = setInterval(() => (turns += 1), 1);
    const from = pod.feed.position;
    await db.pool.query(`INSERT INTO change_outbox (type) SELECT 'governance' FROM generate_series(1, 5000) n`);
    await waitFor(() => pod.feed.position >= from + 5_000, { what: 'the events' });
    clearInterval(turn);
    unsubscribe();
    expect(delivered).toEqual(delivered.map((_, index) => from + 1 + index));
    expect(Math.max(...parts)).toBeLessThanOrEqual(256);
    expect(turns).toBeGreaterThan(8);
  });

  it('delivers every event once and in order while the broker drops, repeats and delays batches', async () => {
    const fate = fc.constantFrom<Fate>('pass', 'drop', 'twice', 'late', 'halves');
    let written = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 12 }), async (fates) => {
        broker.fates = [...fates];
        for (let n = 0; n < 12; n++) {
          await db.pool.query(
            `SELECT append_events(jsonb_agg(jsonb_build_object('type', 'governance'))) FROM generate_series(1, $1)`,
            [1 + (n % 3)],
          );
          written += 1 + (n % 3);
        }
        await waitFor(() => seen.filter((event) => event.type === 'governance').length >= written, {
          what: 'all events',
        });
        expect(seen.map((event) => event.seq)).toEqual(seen.map((_, index) => 1 + index));
      }),
      { numRuns: 20 },
    );
    expect(errors.length).toBeGreaterThan(0);
    expect(positions.every(([position, last]) => position === last)).toBe(true);
  });

  it('reads from the log while the broker is silent, and reports the state `log`', async () => {
    broker.fates = Array.from({ length: 1_000 }, () => 'drop' as const);
    const before = pod.feed.position;
    await db.pool.query(`SELECT append_events('[{"type": "emission"}]')`);
    // A batch that the broker delayed before may still arrive first.
    await waitFor(() => pod.feed.state === 'log');
    expect(pod.feed.position).toBeGreaterThan(before);
    expect(await pod.metrics.registry.getSingleMetricAsString('ws_listener_status')).toMatch(/ 0\.5$/m);
    broker.fates = [];
  });

  it('keeps the state `broker` while the log has no new events', async () => {
    await db.pool.query(`SELECT append_events('[{"type": "emission"}]')`);
    await waitFor(() => pod.feed.state === 'broker');
    await quietFor(500);
    expect(pod.feed.state).toBe('broker');
  });

  it('keeps the newest events in memory', async () => {
    const { position } = pod.feed;
    expect(pod.feed.recent(position - 5, 3)?.map((event) => event.seq)).toEqual([
      position - 4,
      position - 3,
      position - 2,
    ]);
    expect(pod.feed.recent(position, 10)).toEqual([]);
    expect(pod.feed.recent(-1, 10)).toBeUndefined();
    expect(pod.feed.cursor()).toBe(`${pod.feed.epoch}-${position.toString(36).padStart(11, '0')}`);
  });

  it('resolves `settled` once the events of a transaction are in the log', async () => {
    const client = await db.pool.connect();
    await client.query('BEGIN');
    await client.query(`SELECT append_events('[{"type": "emission"}]')`);
    const { rows } = await client.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
    await client.query('COMMIT');
    client.release();
    pod.sequencer.ring();
    const bounds = await pod.log.settled(rows[0]?.id ?? '', 5_000);
    const [last] = await pod.log.read((bounds?.headSeq ?? 0) - 1, 1);
    expect(['emission', 'tick']).toContain(last?.type);
    await expect(pod.log.outboxAge()).resolves.toBeGreaterThanOrEqual(0);
  });
});
