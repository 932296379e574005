import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SealedObjects } from './sealed-objects.js';

const KEY = 'k'.repeat(32);
const sealed = new SealedObjects([KEY]);

describe('a sealed object', () => {
  it('opens to its content, under its own name only', async () => {
    const content = randomBytes(10_000);
    const stored = await sealed.seal('a', content);
    expect(await sealed.open('a', stored)).toEqual(content);
    await expect(sealed.open('b', stored)).rejects.toThrow('b is damaged');
    expect((await sealed.open('empty', await sealed.seal('empty', Buffer.alloc(0)))).length).toBe(0);
  });

  it('is smaller than its content and does not show it', async () => {
    const stored = await sealed.seal('a', Buffer.from('a secret '.repeat(10_000)));
    expect(stored.length).toBeLessThan(1_000);
    expect(stored.includes('secret')).toBe(false);
  });

  it('is refused if a byte is changed, missing or added, wherever', async () => {
    const stored = await sealed.seal('a', Buffer.from('content'));
    await fc.assert(
      fc.asyncProperty(fc.nat(stored.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(stored);
        changed[at] = (changed[at] ?? 0) ^ change;
        await expect(sealed.open('a', changed)).rejects.toThrow(/is damaged|another BACKUP_KEY/);
        await expect(sealed.open('a', stored.subarray(0, at))).rejects.toThrow('a is damaged');
        await expect(sealed.open('a', Buffer.concat([stored, Buffer.alloc(change)]))).rejects.toThrow('a is damaged');
      }),
    );
  });

  it('opens with an older key behind the new one, and says so if its key is missing', async () => {
    const stored = await sealed.seal('a', Buffer.from('content'));
    const other = new SealedObjects(['n'.repeat(32)]);
    await expect(other.open('a', stored)).rejects.toThrow('a was encrypted with another BACKUP_KEY');
    expect((await new SealedObjects(['n'.repeat(32), KEY]).open('a', stored)).toString()).toBe('content');
  });
});
