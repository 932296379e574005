import { describe, expect, it } from 'vitest';
import { ExpiringCache } from './expiring-cache.js';

describe('ExpiringCache', () => {
  it('expires an entry after the default lifetime, or at an earlier time set for the entry', () => {
    const cache = new ExpiringCache<string, number>(10, 100);
    cache.set('a', 1, 0);
    cache.set('b', 2, 0, 50);
    expect([cache.get('a', 49), cache.get('b', 49)]).toEqual([1, 2]);
    expect([cache.get('a', 99), cache.get('b', 50)]).toEqual([1, undefined]);
    expect([cache.get('a', 100), cache.size]).toEqual([undefined, 0]);
  });

  it('drops the least recently used entry when full', () => {
    const cache = new ExpiringCache<string, number>(2, 100);
    cache.set('a', 1, 0);
    cache.set('b', 2, 0);
    cache.get('a', 1);
    cache.set('c', 3, 1);
    expect([cache.get('a', 2), cache.get('b', 2), cache.get('c', 2)]).toEqual([1, undefined, 3]);
    cache.delete('a');
    expect(cache.get('a', 2)).toBeUndefined();
  });
});
