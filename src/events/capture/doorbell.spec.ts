import { describe, expect, it } from 'vitest';
import { Doorbell } from './doorbell.js';

const LONG = 60_000;

describe('Doorbell', () => {
  it('ends a wait that is under way', async () => {
    const bell = new Doorbell();
    const wait = bell.wait(LONG);
    bell.ring();
    await expect(wait).resolves.toBeUndefined();
  });

  it('counts a ring while nobody waits for the next wait, once', async () => {
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

  it('does not wait when cancelled', async () => {
    await expect(new Doorbell().wait(LONG, () => true)).resolves.toBeUndefined();
  });
});
