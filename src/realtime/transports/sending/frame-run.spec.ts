import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameRun } from './frame-run.js';

const frames = Array.from({ length: 6 }, (_, n) => Buffer.from(`frame ${n};`));
const frame = fc.constantFrom(...frames);

describe('`FrameRun`', () => {
  it('contains exactly the frames of its connection, whatever other connections receive', () => {
    // Each step sends one frame to some of the connections; with `own`, every connection gets a separate copy of the
    // frame.
    const steps = fc.array(fc.record({ frame, to: fc.uniqueArray(fc.nat(7), { minLength: 1 }), own: fc.boolean() }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (given) => {
        const start = FrameRun.empty();
        const runs = Array.from({ length: 8 }, () => start);
        const expected: Buffer[][] = runs.map(() => []);
        for (const { frame: one, to, own } of given) {
          for (const n of to) {
            const run = runs[n] ?? start;
            runs[n] = own ? run.plusOwn(one) : run.plus(one);
            expected[n]?.push(one);
          }
        }
        for (const [n, run] of runs.entries()) {
          expect(run.frames()).toEqual(expected[n]);
          expect(run.buffer).toEqual(Buffer.concat(expected[n] ?? []));
          expect([run.length, run.bytes]).toEqual([expected[n]?.length, run.buffer.length]);
        }
      }),
    );
  });

  it('is one object with one buffer for all connections with the same frames', () => {
    const sequence = fc.array(frame, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(sequence, { minLength: 2, maxLength: 12 }), (sequences) => {
        const start = FrameRun.empty();
        const runOf = (given: readonly Buffer[]) => given.reduce((so, one) => so.plus(one), start);
        const runs = sequences.map(runOf);
        const again = sequences.map(runOf);
        for (const [n, run] of runs.entries()) {
          expect(again[n]).toBe(run);
          expect(again[n]?.buffer).toBe(run.buffer);
        }
      }),
    );
  });

  it('does not copy a single frame', () => {
    const [only = Buffer.alloc(0)] = frames;
    expect(FrameRun.empty().plus(only).buffer).toBe(only);
  });
});
