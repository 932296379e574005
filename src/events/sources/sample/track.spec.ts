import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Track } from './track.js';

const TIMES = [0, 10, 15, 40];
const VALUES = [100, 110, 90, 95];
const options = { times: TIMES, values: VALUES, pace: 1, phase: 0 };

describe('the playback of a recording', () => {
  it('shows the last recorded value, first forward and then backward in time', () => {
    const track = new Track({ ...options, interpolated: false });
    const shown = [0, 9, 10, 14, 39, 40, 64, 65, 69, 70, 79.9, 80, 90].map((played) => track.at(played).value);
    // The direction turns at 40; backwards, the point at 15 is passed at 65, that at 10 at 70, the first at 80.
    expect(shown).toEqual([100, 100, 110, 110, 90, 95, 95, 90, 90, 110, 110, 100, 110]);
  });

  it('interpolates linearly between recorded values if interpolation is on', () => {
    const track = new Track({ ...options, interpolated: true });
    expect([5, 12.5, 75].map((played) => track.at(played).value)).toEqual([105, 100, 105]);
  });

  it('counts every passed point once and lists the points passed before the start', () => {
    const track = new Track({ ...options, interpolated: true, phase: 12 });
    expect([0, 3, 28, 53, 58].map((played) => track.at(played).ordinal)).toEqual([1, 2, 3, 4, 5]);
    expect([...track.passings(2, 20)]).toEqual([
      { ago: 1, value: 110 },
      { ago: 6, value: 100 },
      { ago: 11, value: 110 },
      { ago: 13.5, value: 90 },
    ]);
  });

  it('refuses recordings with too few points, unequal lists or a start time other than 0', () => {
    const bad = { pace: 1, phase: 0, interpolated: false };
    expect(() => new Track({ ...bad, times: [0], values: [1] })).toThrow('at least two');
    expect(() => new Track({ ...bad, times: [0, 1], values: [1] })).toThrow('as many times as values');
    expect(() => new Track({ ...bad, times: [1, 2], values: [1, 2] })).toThrow('beginning at 0');
  });

  const recordings = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 1_000 })), {
      minLength: 1,
      maxLength: 20,
    })
    .map((steps) => {
      let time = 0;
      return {
        times: [0, ...steps.map(([step]) => (time += step))],
        values: [500, ...steps.map(([, value]) => value)],
      };
    });

  it('never changes faster than the steepest recorded slope if interpolation is on', () => {
    fc.assert(
      fc.property(recordings, fc.double({ min: -1e5, max: 1e5, noNaN: true }), (recording, played) => {
        const track = new Track({ ...recording, interpolated: true, pace: 1, phase: 0 });
        const steepest = Math.max(
          ...recording.times.slice(1).map((time, index) => {
            const rise = (recording.values[index + 1] ?? 0) - (recording.values[index] ?? 0);
            return Math.abs(rise / (time - (recording.times[index] ?? 0)));
          }),
        );
        const moved = Math.abs(track.at(played + 0.01).value - track.at(played).value);
        expect(moved).toBeLessThanOrEqual(steepest * 0.01 + 1e-6);
      }),
    );
  });

  it('equals a step-by-step simulation of playing forward and then backward', () => {
    fc.assert(
      fc.property(recordings, fc.integer({ min: 0, max: 100_000 }), (recording, place) => {
        const track = new Track({ ...recording, interpolated: false, pace: 1, phase: 0 });
        const { times, values } = recording;
        let position = 0;
        let direction = 1;
        let shown = values[0];
        const length = times.at(-1) ?? 0;
        for (let step = 0; step < place % (4 * length); step++) {
          position += direction;
          if (times.includes(position)) shown = values[times.indexOf(position)];
          if (position === length || position === 0) direction = -direction;
        }
        expect(track.at(place % (4 * length)).value).toBe(shown);
      }),
      { numRuns: 60 },
    );
  });
});
