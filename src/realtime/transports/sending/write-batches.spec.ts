import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../test/support/wait-for.js';
import { parseSettings } from '../../../platform/settings/settings.js';
import type { FrameRun } from './frame-run.js';
import { BatchedWriter, WriteBatches } from './write-batches.js';

const SETTINGS = parseSettings({
  DATABASE_URL: 'postgres://unused',
  SECRETS_KEY: 'a key that only tests use',
  FLUSH_MS: '0',
});

/** Connection whose writes take time, as a system call does. */
class SlowWriter extends BatchedWriter {
  readonly transport = 'websocket';
  readonly written: string[] = [];

  send(text: string): void {
    this.collect(Buffer.from(text));
  }

  protected write(run: FrameRun): void {
    const end = performance.now() + 0.05;
    while (performance.now() < end);
    this.written.push(run.buffer.toString());
  }
}

function connections(count: number): { batches: WriteBatches; writers: SlowWriter[]; writes: () => number } {
  const batches = new WriteBatches(SETTINGS);
  const writers = Array.from({ length: count }, () => new SlowWriter(batches));
  return { batches, writers, writes: () => writers.reduce((sum, { written }) => sum + written.length, 0) };
}

describe('shared writes', () => {
  it('to few connections all go out in the next turn of the event loop', async () => {
    const { writers, writes } = connections(8);
    for (const writer of writers) writer.send('a');
    await nextTurn();
    await nextTurn();
    expect(writes()).toBe(8);
  });

  it.each([
    { when: 'a burst is delivered', isBurst: true, mostPerTurn: 100 },
    { when: 'few events are delivered', isBurst: false, mostPerTurn: 300 },
  ])('to thousands of connections take several turns while $when', async ({ isBurst, mostPerTurn }) => {
    const { batches, writers, writes } = connections(2_000);
    batches.isBurst = () => isBurst;
    for (const writer of writers) writer.send('a');
    let most = 0;
    while (writes() < 2_000) {
      const before = writes();
      await nextTurn();
      most = Math.max(most, writes() - before);
    }
    expect(most).toBeLessThan(mostPerTurn);
  });

  it('carry in order everything that was collected until the turn of their connection', async () => {
    const { batches, writers, writes } = connections(2_000);
    batches.isBurst = () => writes() < 2_000;
    for (const writer of writers) writer.send('a');
    let sent = 'a';
    for (const text of 'bcdefgh') {
      await nextTurn();
      for (const writer of writers) writer.send(text);
      sent += text;
    }
    await waitFor(() => writers.every(({ written }) => written.join('') === sent));
    expect(writers[0]?.written.length).toBeGreaterThan(1);
    expect(writers.at(-1)?.written).toEqual([sent]);
  });
});
