import { join } from 'node:path';
import { checkSync } from 'recheck';
import { describe, expect, it } from 'vitest';
import { sourceRegexes } from '../support/source-regexes.js';

const SRC = join(import.meta.dirname, '../../src');

/** Expressions that may take longer than their input is long: why that is harmless, and what bounds the input. */
const EXCEPTIONS: Readonly<Record<string, string>> = {};

const { literals, composed } = sourceRegexes(SRC);
const different = [...new Map(literals.map((regex) => [`/${regex.source}/${regex.flags}`, regex]))];

describe('regular expressions of the source', () => {
  it('are found', () => {
    expect(different.length).toBeGreaterThan(100);
  });

  it('are written down, not put together at run time', () => {
    expect(composed).toEqual([]);
  });

  it('take time in proportion to their input', () => {
    const slow = different.flatMap(([text, { place, source, flags }]) => {
      if (Object.hasOwn(EXCEPTIONS, text)) return [];
      const diagnosis = checkSync(source, flags, { timeout: 20_000 });
      const isLinear = diagnosis.status === 'safe' && ['safe', 'linear'].includes(diagnosis.complexity.type);
      return isLinear ? [] : [`${place} ${text}: ${diagnosis.status}`];
    });
    expect(slow).toEqual([]);
  }, 120_000);

  it('have no exception that is no longer needed', () => {
    const texts = new Set(different.map(([text]) => text));
    expect(Object.keys(EXCEPTIONS).filter((text) => !texts.has(text))).toEqual([]);
  });
});
