import { describe, expect, it } from 'vitest';
import { Doorbell } from './doorbell.js';

const LONG = 60_000;

describe('`Doorbell`', () => {
  it('resolves a pending `wait` on `ring`', async () => {
    const bell = new Doorbell();
    const wait = bell.wait(LONG);
    bell.ring();
    await expect(wait).resolves.toBeUndefined();
  });

  it('remembers at most one `ring` for the next `wait`', async () => {
    const bell = new Doorbell();
    bell.ring();
    bell.ring();
    await bell.wait(LONG);
    let ended = false;
    const next = bell.wait(1).then(() => (ended = true));
    await Promise.resolve();
    expect(ended).toBe(false);
    await next;
  });

  it('resolves `wait` immediately if cancelled', async () => {
    await expect(new Doorbell().wait(LONG, () => true)).resolves.toBeUndefined();
  });
});
