import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUuid } from './ids.js';
import { isBlank, isPlainText, isStorable, LINES, shown } from './text.js';

/** Random text with many control characters and half surrogates. */
const text = fc.string({
  unit: fc
    .oneof(fc.integer({ min: 0, max: 0xa0 }), fc.integer({ min: 0xd7f0, max: 0xe010 }))
    .map((code) => String.fromCharCode(code)),
});
const isControl = (code: number) => code < 0x20 || (code >= 0x7f && code < 0xa0);

describe('a text', () => {
  it('is plain if it is well formed and has no control characters', () => {
    fc.assert(
      fc.property(text, (given) => {
        const controls = given.split('').filter((letter) => isControl(letter.charCodeAt(0)));
        expect(isPlainText(given, 100)).toBe(given.length <= 100 && given.isWellFormed() && controls.length === 0);
        const others = controls.filter((letter) => letter !== '\n' && letter !== '\t');
        expect(LINES.test(given)).toBe(given.isWellFormed() && others.length === 0);
      }),
    );
  });

  it('can be stored if it is well formed and has no character U+0000', () => {
    for (const fine of ['', 'a\nb\u0001', '😀', 'ｆｕｌｌ']) expect(isStorable(fine)).toBe(true);
    for (const wrong of ['a\u0000', '\ud83d', '\ude00\ud83d']) expect(isStorable(wrong)).toBe(false);
  });

  it('is blank without a visible character', () => {
    for (const blank of ['', ' ', '\t\n', '\u00a0\u2003', '\u200b\u200d', '\u202e']) expect(isBlank(blank)).toBe(true);
    for (const visible of ['a', ' . ', '\u200b-', '😀', '0']) expect(isBlank(visible)).toBe(false);
  });

  it('is shown in messages quoted, shortened, on one line and well formed, whatever it is', () => {
    expect([shown('a\r\nb'), shown(7), shown(undefined), shown({ a: [] })]).toEqual([
      "'a?b'",
      "'7'",
      "'undefined'",
      `'{"a":[]}'`,
    ]);
    expect(shown('x'.repeat(61))).toBe(`'${'x'.repeat(60)}…'`);
    expect(shown(`${'x'.repeat(59)}😀`).isWellFormed()).toBe(true);
    fc.assert(
      fc.property(fc.oneof(text, fc.jsonValue()), (value) => {
        expect(isPlainText(shown(value), 63)).toBe(true);
      }),
    );
  });
});

it('An id is a UUID of any version, in either case', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      expect([isUuid(id), isUuid(id.toUpperCase())]).toEqual([true, true]);
    }),
  );
  for (const other of [
    '',
    'x',
    '0199a0a0-0000-7000-8000-00000000000',
    '0199a0a0-0000-7000-8000-0000000000000',
    '0199a0a0000070008000000000000000',
  ]) {
    expect(isUuid(other)).toBe(false);
  }
});
