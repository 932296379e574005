import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutText } from './cut-text.js';

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const split = (text: string): string[] => [...characters.segment(text)].map(({ segment }) => segment);

describe('a text that is cut', () => {
  it.each([
    ['short enough', 'abc', 3, 'abc'],
    ['too long', 'abcdef', 4, 'abc…'],
    ['a chart', 'ab📉📉', 5, 'ab📉…'],
    ['a chart at the border', 'ab📉📉', 4, 'ab…'],
    ['a family', '👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 16, '👨‍👩‍👧‍👦…'],
    ['flags', '🇩🇪🇫🇷🇮🇹', 7, '🇩🇪…'],
    ['an accent', 'cafe\u0301s', 5, 'caf…'],
    ['a thumb of a colour', '👍🏽👍🏽', 6, '👍🏽…'],
    ['a tower of accents', `a${'\u0301'.repeat(500)}`, 101, `a${'\u0301'.repeat(99)}…`],
    ['half a character', 'a\ud83d', 9, 'a\ufffd'],
    ['to nothing', 'abc', 0, ''],
  ])('keeps whole characters: %s', (_, text, length, cut) => {
    expect(cutText(text, length)).toBe(cut);
  });

  it('is never longer than asked for, and made of characters that were there', () => {
    const text = fc
      .array(fc.constantFrom('a', ' ', 'ü', 'e\u0301', '📉', '👨‍👩‍👧‍👦', '🇩🇪', '👍🏽', '\r\n', '가'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (whole, length) => {
        const cut = cutText(whole, length);
        expect(cut.length).toBeLessThanOrEqual(length);
        const kept = split(cut.endsWith('…') ? cut.slice(0, -1) : cut);
        expect(split(whole).slice(0, kept.length)).toEqual(kept);
      }),
      { numRuns: 500 },
    );
  });
});
