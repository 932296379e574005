import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutText } from './cut-text.js';

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const split = (text: string): string[] => [...characters.segment(text)].map(({ segment }) => segment);

describe('a shortened text', () => {
  it.each([
    ['a text within the limit', 'abc', 3, 'abc'],
    ['a text over the limit', 'abcdef', 4, 'abc…'],
    ['a chart emoji', 'ab📉📉', 5, 'ab📉…'],
    ['a chart emoji at the limit', 'ab📉📉', 4, 'ab…'],
    ['a family emoji', '👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 16, '👨‍👩‍👧‍👦…'],
    ['flag emojis', '🇩🇪🇫🇷🇮🇹', 7, '🇩🇪…'],
    ['a combining accent', 'cafe\u0301s', 5, 'caf…'],
    ['an emoji with a skin tone', '👍🏽👍🏽', 6, '👍🏽…'],
    ['500 combining accents', `a${'\u0301'.repeat(500)}`, 101, `a${'\u0301'.repeat(99)}…`],
    ['half a surrogate pair', 'a\ud83d', 9, 'a\ufffd'],
    ['a limit of zero', 'abc', 0, ''],
  ])('consists of whole characters: %s', (_, text, length, cut) => {
    expect(cutText(text, length)).toBe(cut);
  });

  it('is never longer than the limit and begins with the original characters', () => {
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
