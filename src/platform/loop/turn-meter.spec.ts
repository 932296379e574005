import { describe, expect, it } from 'vitest';
import { TurnMeter } from './turn-meter.js';

const meter = () => {
  const made = new TurnMeter(5);
  made.beat({ at: 0, cpuMs: 0 });
  return made;
};

describe('the meter of turns', () => {
  it('finds a turn that computed, at most an interval too long', () => {
    expect(meter().beat({ at: 105, cpuMs: 103 })).toEqual({ from: 0, to: 105, cpuMs: 103 });
  });

  it('blames no turn for a machine that was busy with others', () => {
    expect(meter().beat({ at: 400, cpuMs: 3 })).toBeUndefined();
  });

  it('sees nothing in beats that come in time, however much they computed', () => {
    const steady = meter();
    for (let beat = 1; beat < 100; beat += 1) {
      expect(steady.beat({ at: beat * 5.5, cpuMs: beat * 5 })).toBeUndefined();
    }
  });
});
