import { describe, expect, it } from 'vitest';
import { ReceiverLanes } from './receiver-lanes.js';

/** Lanes whose work does not end before `end`; `begun` has the ids of the work that had its turn. */
function held() {
  const lanes = new ReceiverLanes();
  const begun: string[] = [];
  const gate = Promise.withResolvers<void>();
  const enter = (id: string, user: string): void =>
    lanes.enter({ id, user, receiver: `hook of ${user}`, channel: 'webhook' }, 'main', () => {
      begun.push(id);
      return gate.promise;
    });
  const end = (): Promise<string[]> => {
    const left = lanes.close();
    gate.resolve();
    return left;
  };
  return { enter, begun, end };
}

describe('the lines of receivers', () => {
  it('take no more than a share of one user, and go on to serve the others', async () => {
    const { enter, begun, end } = held();
    for (let n = 0; n < 20_000; n++) enter(`flood ${n}`, 'loud');
    enter('single', 'quiet');
    expect(begun).toContain('single');
    const left = await end();
    expect(left).toHaveLength(5_000);
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
