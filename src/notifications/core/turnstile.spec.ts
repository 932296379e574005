import { describe, expect, it } from 'vitest';
import { Turnstile } from './turnstile.js';

/** Returns work that ends on demand, and a list of the pieces that have begun. */
function works() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) => (): Promise<void> => {
    begun.push(name);
    return new Promise((resolve) => ends.push(resolve));
  };
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise(setImmediate);
  };
  return { begun, work, end };
}

describe('the concurrency limiter of deliveries', () => {
  it('limits concurrent deliveries per receiver, so that other receivers can start', async () => {
    const { begun, work, end } = works();
    const turnstile = new Turnstile({ most: 3, perReceiver: 2, perUser: 9 });
    for (const name of ['a1', 'a2', 'a3', 'a4']) turnstile.enter({ receiver: 'a', user: 'u' }, work(name));
    turnstile.enter({ receiver: 'b', user: 'v' }, work('b1'));
    expect(begun).toEqual(['a1', 'a2', 'b1']);
    expect(turnstile.waiting).toBe(2);
    await end();
    expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  it('limits concurrent deliveries per user', () => {
    const { begun, work } = works();
    const turnstile = new Turnstile({ most: 10, perReceiver: 1, perUser: 3 });
    for (let n = 0; n < 50; n++) turnstile.enter({ receiver: `slow-${n}`, user: 'greedy' }, work(`slow-${n}`));
    turnstile.enter({ receiver: 'hook', user: 'other' }, work('other'));
    expect(begun).toEqual(['slow-0', 'slow-1', 'slow-2', 'other']);
  });

  it('lets users take turns, however many receivers each has', async () => {
    const { begun, work, end } = works();
    const turnstile = new Turnstile({ most: 2, perReceiver: 1, perUser: 2 });
    for (let n = 0; n < 50; n++) {
      for (const user of ['u', 'v']) turnstile.enter({ receiver: `${user}${n}`, user }, work(`${user}${n}`));
    }
    turnstile.enter({ receiver: 'hook', user: 'other' }, work('other'));
    for (let n = 0; n < 3; n++) await end();
    expect(begun).toEqual(['u0', 'v0', 'u1', 'v1', 'other']);
  });

  it('finishes started deliveries on close and starts no further deliveries', async () => {
    const { begun, work, end } = works();
    const turnstile = new Turnstile({ most: 1, perReceiver: 1, perUser: 1 });
    turnstile.enter({ receiver: 'a', user: 'u' }, work('one'));
    turnstile.enter({ receiver: 'b', user: 'v' }, work('two'));
    const closed = turnstile.close();
    await end();
    await closed;
    turnstile.enter({ receiver: 'c', user: 'w' }, work('three'));
    expect(begun).toEqual(['one']);
  });
});
