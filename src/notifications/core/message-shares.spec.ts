import fc from 'fast-check';
import { expect, it } from 'vitest';
import { messageShares, type Claimant } from './message-shares.js';

const claimant = (receiver: string, group: string, room = 1_000, groupRoom = 1_000): Claimant => ({
  receiver,
  group,
  room,
  groupRoom,
});

it('a group with many receivers gets no more than one with a single receiver', () => {
  const loud = Array.from({ length: 50 }, (_, n) => claimant(`loud ${n}`, 'loud'));
  const given = messageShares([...loud, claimant('hook', 'quiet')], 1_000);
  expect(given.get('hook')).toBe(500);
  expect(loud.map(({ receiver }) => given.get(receiver))).toEqual(loud.map(() => 10));
});

it('a receiver without room leaves the share of its group to the others', () => {
  const given = messageShares(
    [claimant('full', 'u', 0), claimant('hook', 'u', 30, 40), claimant('other', 'u', 30, 40)],
    100,
  );
  expect([...given]).toEqual([
    ['hook', 30],
    ['other', 10],
  ]);
});

it('a share exceeds neither the room of its receiver nor that of its group, and everyone with room gets some', () => {
  const room = fc.nat({ max: 50 });
  const claimants = fc
    .array(fc.record({ group: fc.constantFrom('a', 'b', 'c'), room }), { maxLength: 30 })
    .map((rows) => rows.map(({ group, room: own }, n) => claimant(`r${n}`, group, own, 20)));
  fc.assert(
    fc.property(claimants, fc.integer({ min: 1, max: 100 }), (all, most) => {
      const given = messageShares(all, most);
      for (const each of all) expect(given.get(each.receiver) ?? 0).toBeLessThanOrEqual(each.room);
      for (const members of Map.groupBy(all, ({ group }) => group).values()) {
        const sum = members.reduce((total, { receiver }) => total + (given.get(receiver) ?? 0), 0);
        expect(sum).toBeLessThanOrEqual(Math.min(20, Math.max(1, most)));
        expect(sum > 0).toBe(members.some((member) => member.room > 0));
      }
    }),
  );
});
