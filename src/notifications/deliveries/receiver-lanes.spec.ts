import { describe, expect, it } from 'vitest';
import { ReceiverLanes } from './receiver-lanes.js';

/** Lanes whose work does not end before `end`; `begun` has the ids of the work that had its turn. */
function held() {
  const lanes = new ReceiverLanes();
  const begun: string[] = [];
  const gate = Promise.withResolvers<void>();
  const enter = (id: string, user: string, receiver = `hook of ${user}`): boolean =>
    lanes.enter({ id, user, receiver, channel: 'webhook' }, 'main', () => {
      begun.push(id);
      return gate.promise;
    });
  const end = (): Promise<string[]> => {
    const left = lanes.close();
    gate.resolve();
    return left;
  };
  return { lanes, enter, begun, end };
}

describe('the lines of receivers', () => {
  it("send at most a fair share of one user's deliveries at a time, and then serve other users", async () => {
    const { enter, begun, end } = held();
    for (let n = 0; n < 20_000; n++) enter(`flood ${n}`, 'loud');
    enter('single', 'quiet');
    expect(begun).toContain('single');
    const left = await end();
    expect(left).toHaveLength(40);
  });

  it('have room for the other receivers of a user while one of them has its share', async () => {
    const { lanes, enter, begun, end } = held();
    for (let n = 0; n < 20_000; n++) enter(`flood ${n}`, 'loud', 'silent');
    expect(enter('flood 20000', 'loud', 'silent')).toBe(false);
    expect(enter('single', 'loud', 'quick')).toBe(true);
    expect(begun).toContain('single');
    const receiver = { user: 'loud', channel: 'webhook' as const };
    expect(lanes.room({ ...receiver, receiver: 'silent' }, 'main')).toMatchObject({ room: 0, groupRoom: 80 });
    expect(lanes.room({ ...receiver, receiver: 'third' }, 'main')).toMatchObject({ room: 40, groupRoom: 80 });
    await end();
    expect(lanes.room({ ...receiver, receiver: 'third' }, 'main')).toMatchObject({ room: 0, groupRoom: 0 });
  });

  it('ignore a delivery that is in line, and take it again after its turn', async () => {
    const { enter, begun, end } = held();
    for (let n = 0; n < 10; n++) enter(`first ${n}`, 'loud');
    for (let n = 0; n < 3; n++) enter('first 9', 'loud');
    expect(begun).toHaveLength(4);
    enter('first 0', 'loud');
    expect(await end()).toEqual(['first 4', 'first 5', 'first 6', 'first 7', 'first 8', 'first 9', 'first 0']);
  });
});
