import { describe, expect, it } from 'vitest';
import { SingleFlight } from './single-flight.js';

const here = () => new AbortController().signal;

/** Creates work whose start and end the test controls; its result contains its number and the version that it read. */
function works() {
  const all: { begin: () => void; end: () => void; fail: (error: Error) => void; signal: AbortSignal }[] = [];
  const of = (version: () => string) => (signal: AbortSignal, begin: (version: string) => void) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const number = all.length;
    let read = '';
    all.push({
      begin: () => {
        read = version();
        begin(read);
      },
      end: () => resolve(`${number}: ${read}`),
      fail: reject,
      signal,
    });
    return promise;
  };
  return { all, of };
}

describe('a single flight of equal queries', () => {
  it('is joined by a later caller whose flight has not started to read, even if the data has changed', async () => {
    const flights = new SingleFlight<string>();
    const { all, of } = works();
    let now = 'v1';
    const first = flights.run(
      'q',
      now,
      here(),
      of(() => now),
    );
    now = 'v2';
    const second = flights.run(
      'q',
      now,
      here(),
      of(() => now),
    );
    all[0]?.begin();
    all[0]?.end();
    expect(await Promise.all([first, second])).toEqual(['0: v2', '0: v2']);
    expect(all).toHaveLength(1);
  });

  it('is joined by a caller after its read starts only if the data is unchanged', async () => {
    const flights = new SingleFlight<string>();
    const { all, of } = works();
    let now = 'v1';
    const run = () =>
      flights.run(
        'q',
        now,
        here(),
        of(() => now),
      );
    const first = run();
    all[0]?.begin();
    const same = run();
    now = 'v2';
    const later = run();
    const withLater = run();
    expect(all).toHaveLength(2);
    all[0]?.end();
    all[1]?.begin();
    all[1]?.end();
    expect(await Promise.all([first, same, later, withLater])).toEqual(['0: v1', '0: v1', '1: v2', '1: v2']);
    // Both flights have ended, so the next call starts a new one.
    void run().catch(() => undefined);
    expect(all).toHaveLength(3);
  });

  it('returns its result to one caller per turn of the event loop', async () => {
    const flights = new SingleFlight<string>();
    const { all, of } = works();
    let turn = 0;
    const count = (): void => {
      turn += 1;
      if (turn < 20) setImmediate(count);
    };
    const turnsAtAnswer = Array.from({ length: 4 }, async () => {
      await flights.run(
        'q',
        'v',
        here(),
        of(() => 'v'),
      );
      return turn;
    });
    all[0]?.begin();
    setImmediate(count);
    all[0]?.end();
    const turns = await Promise.all(turnsAtAnswer);
    expect(new Set(turns).size).toBe(4);
    expect(turns).toEqual(turns.toSorted((a, b) => a - b));
  });

  it('fails for all waiting callers and not for the next caller', async () => {
    const flights = new SingleFlight<string>();
    const { all, of } = works();
    const run = () =>
      flights.run(
        'q',
        'v',
        here(),
        of(() => 'v'),
      );
    const both = [run(), run()];
    all[0]?.fail(new Error('unavailable'));
    for (const one of both) await expect(one).rejects.toThrow('unavailable');
    const next = run();
    all[1]?.begin();
    all[1]?.end();
    expect(await next).toBe('1: v');
  });

  it('continues while one caller waits and is aborted when all callers have left', async () => {
    const flights = new SingleFlight<string>();
    const { all, of } = works();
    const leaving = [new AbortController(), new AbortController()];
    const both = leaving.map(({ signal }) =>
      flights.run(
        'q',
        'v',
        signal,
        of(() => 'v'),
      ),
    );
    leaving[0]?.abort(new Error('left'));
    await expect(both[0]).rejects.toThrow('left');
    expect(all[0]?.signal.aborted).toBe(false);
    leaving[1]?.abort(new Error('left too'));
    await expect(both[1]).rejects.toThrow('left too');
    expect(all[0]?.signal.aborted).toBe(true);
    void flights
      .run(
        'q',
        'v',
        here(),
        of(() => 'v'),
      )
      .catch(() => undefined);
    expect(all).toHaveLength(2);
  });
});
