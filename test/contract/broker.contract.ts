import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Broker } from '../../src/events/feed/broker.js';
import { EVENT_TYPES } from '../../src/events/core/event-catalogue.js';
import { INTERNAL_TYPES, type LogEvent } from '../../src/events/core/log-event.js';
import { waitFor } from '../support/wait-for.js';

/**
 * Behaviour that every broker must have. `here` publishes; `there` listens, in another process if the broker connects
 * processes.
 */
export interface BrokerPair {
  here: Broker;
  there: Broker;
  close(): Promise<void>;
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const text = maybe(fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed()));
const amount = maybe(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0));
const time = fc.integer({ min: 0, max: 4e12 });

/** Any row that the log can contain; its seq is set from its position in the batch. */
const row: fc.Arbitrary<LogEvent> = fc.record({
  seq: fc.constant(0),
  epoch: fc.constant('e1'),
  type: fc.constantFrom(...EVENT_TYPES, ...INTERNAL_TYPES),
  protocol: text,
  chain: text,
  token: text,
  previous: amount,
  current: amount,
  moved: amount,
  protocolTvl: amount,
  name: text,
  category: text,
  symbol: text,
  volume24h: amount,
  marketCap: amount,
  data: maybe(fc.constantFrom({ updateType: 'status', changes: [{ field: 'name' }] }, { deep: [null, 'é', 1e-9] })),
  source: fc.string(),
  confidence: fc.double({ min: 0, max: 1, noNaN: true }).map((value) => value + 0),
  tags: fc.array(fc.string(), { maxLength: 3 }),
  observedAt: time,
  capturedAt: time,
  loggedAt: time,
  owner: fc.constant(null),
  correlationId: text,
  traceParent: text,
});
const rows = fc.array(row, { minLength: 1, maxLength: 20 });

/** Returns the rows with consecutive numbers from a position, as in the log. */
export function numbered(from: number, events: readonly LogEvent[]): LogEvent[] {
  return events.map((event, index) => ({ ...event, seq: from + index }));
}

/** Returns some rows, equal at every call. */
export function someRows(count: number, from = 1): LogEvent[] {
  return numbered(from, fc.sample(row, { numRuns: count, seed: 7 }));
}

export function brokerContract(name: string, open: () => Promise<BrokerPair>): void {
  describe(`${name} as a broker`, () => {
    let pair: BrokerPair;
    let received: LogEvent[];

    beforeEach(async () => {
      pair = await open();
      received = [];
      pair.there.subscribe((batch) => received.push(...batch));
    });

    afterEach(() => pair.close());

    it('delivers batches complete and in order, whatever they contain', async () => {
      let seq = 1;
      await fc.assert(
        fc.asyncProperty(rows, async (events) => {
          received.length = 0;
          const batch = numbered(seq, events);
          seq += batch.length;
          await pair.here.publish(batch);
          await waitFor(() => received.length >= batch.length, { everyMs: 1 });
          expect(received).toEqual(batch);
        }),
        { numRuns: 50 },
      );
    });

    it('delivers each batch once per subscription, twice to a listener subscribed twice', async () => {
      const twice: number[] = [];
      const listener = (batch: readonly LogEvent[]) => void twice.push(batch.length);
      pair.there.subscribe(listener);
      const end = pair.there.subscribe(listener);
      await pair.here.publish(someRows(3));
      await waitFor(() => twice.length === 2);
      end();
      await pair.here.publish(someRows(2, 4));
      await waitFor(() => received.length === 5 && twice.length === 3);
      expect(twice).toEqual([3, 3, 2]);
    });

    it('delivers nothing after `close`', async () => {
      const [before, after] = [someRows(1), someRows(1, 2)];
      await pair.here.publish(before);
      await waitFor(() => received.length === 1);
      await pair.there.close();
      await pair.here.publish(after);
      expect(received).toEqual(before);
    });

    it('delivers to listeners of its own process before `publish` resolves', async () => {
      const own: number[] = [];
      pair.here.subscribe((batch) => own.push(...batch.map((event) => event.seq)));
      await pair.here.publish(someRows(2));
      expect(own).toEqual([1, 2]);
    });
  });
}
