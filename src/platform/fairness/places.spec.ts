import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Places } from './places.js';

let places: Places;
beforeEach(() => {
  places = new Places({ atOnce: 2, waiting: 2, waitMs: 1_000, what: 'requests' });
});
afterEach(() => vi.useRealTimers());

/** Enters for a name and records the name once it is admitted. */
function entering(order: string[], caller: string, name: string, signal?: AbortSignal): Promise<() => void> {
  return places.enter(caller, signal).then((leave) => {
    order.push(name);
    return leave;
  });
}

describe('concurrent request places of a caller', () => {
  it('are limited to two; further requests of the caller wait in order, other callers do not', async () => {
    const order: string[] = [];
    const leaveFirst = await entering(order, 'a', 'a1');
    const leaveSecond = await entering(order, 'a', 'a2');
    const third = entering(order, 'a', 'a3');
    const fourth = entering(order, 'a', 'a4');
    await entering(order, 'b', 'b1');
    expect(order).toEqual(['a1', 'a2', 'b1']);
    leaveSecond();
    leaveSecond();
    await third;
    expect(order).toEqual(['a1', 'a2', 'b1', 'a3']);
    leaveFirst();
    await fourth;
    expect(order.at(-1)).toBe('a4');
  });

  it('are refused if too many requests wait, or if a request waits too long', async () => {
    vi.useFakeTimers();
    const order: string[] = [];
    const [leave] = await Promise.all([entering(order, 'a', '1'), entering(order, 'a', '2')]);
    const late = entering(order, 'a', '3').catch((error: unknown) => error);
    const later = entering(order, 'a', '4').catch((error: unknown) => error);
    await expect(entering(order, 'a', '5')).rejects.toMatchObject({ code: 'rate_limited' });
    await vi.advanceTimersByTimeAsync(1_000);
    for (const one of [late, later]) expect(await one).toMatchObject({ code: 'rate_limited', retryAfterMs: 1_000 });
    leave();
    await entering(order, 'a', '6');
    expect(order).toEqual(['1', '2', '6']);
  });

  it('are not reserved for a waiting caller that disconnected', async () => {
    const order: string[] = [];
    const leaving = new AbortController();
    const leave = await entering(order, 'a', '1');
    await entering(order, 'a', '2');
    const gone = entering(order, 'a', '3', leaving.signal).catch((error: unknown) => error);
    const next = entering(order, 'a', '4');
    leaving.abort(new Error('left'));
    expect(String(await gone)).toContain('left');
    leave();
    await next;
    await expect(entering(order, 'a', '5', leaving.signal)).rejects.toThrow('left');
    expect(order).toEqual(['1', '2', '4']);
  });
});
