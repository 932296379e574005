import { describe, expect, it } from 'vitest';
import { TurnMeter } from './turn-meter.js';

const meter = () => {
  const made = new TurnMeter(5);
  made.beat({ at: 0, cpuMs: 0 });
  return made;
};

describe('the meter of event loop turns', () => {
  it('reports a turn with high processor time; its length is exact to one interval', () => {
    expect(meter().beat({ at: 105, cpuMs: 103 })).toEqual({ from: 0, to: 105, cpuMs: 103 });
  });

  it('reports no turn if the delay came from other processes on the machine', () => {
    expect(meter().beat({ at: 400, cpuMs: 3 })).toBeUndefined();
  });

  it('reports no turn if the beats are on time, however much time the loop computes', () => {
    const steady = meter();
    for (let beat = 1; beat < 100; beat += 1) {
      expect(steady.beat({ at: beat * 5.5, cpuMs: beat * 5 })).toBeUndefined();
    }
  });
});
