import { join } from 'node:path';
import { checkSync } from 'recheck';
import { describe, expect, it } from 'vitest';
import { sourceRegexes } from '../support/oracles/source-regexes.js';

const SRC = join(import.meta.dirname, '../../src');

/**
 * Regular expressions that may need more than linear time, each with the reason why it is harmless and the limit of its
 * input.
 */
const EXCEPTIONS: Readonly<Record<string, string>> = {};

const { literals, composed } = sourceRegexes(SRC);
const different = [...new Map(literals.map((regex) => [`/${regex.source}/${regex.flags}`, regex]))];

describe('the regular expressions in `src`', () => {
  it('are found by the scan', () => {
    expect(different.length).toBeGreaterThan(100);
  });

  it('are literals, not built at run time', () => {
    expect(composed).toEqual([]);
  });

  it('take linear time', () => {
    const slow = different.flatMap(([text, { place, source, flags }]) => {
      if (Object.hasOwn(EXCEPTIONS, text)) return [];
      const diagnosis = checkSync(source, flags, { timeout: 20_000 });
      const isLinear = diagnosis.status === 'safe' && ['safe', 'linear'].includes(diagnosis.complexity.type);
      return isLinear ? [] : [`${place} ${text}: ${diagnosis.status}`];
    });
    expect(slow).toEqual([]);
  }, 120_000);

  it('have only exceptions that are still needed', () => {
    const texts = new Set(different.map(([text]) => text));
    expect(Object.keys(EXCEPTIONS).filter((text) => !texts.has(text))).toEqual([]);
  });
});
