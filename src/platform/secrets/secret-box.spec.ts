import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../errors/domain-error.js';
import { SecretBox } from './secret-box.js';

const box = new SecretBox(['the first key of this test']);
const text = fc.string({ unit: 'grapheme' });

describe('a secret box', () => {
  it('opens any text that it has sealed', () => {
    fc.assert(fc.property(text, text, (plain, context) => box.open(box.seal(plain, context), context) === plain));
  });

  it('seals the same secret differently each time, without plain text in the result', () => {
    const sealed = [box.seal('hunter2-hunter2', 'a'), box.seal('hunter2-hunter2', 'a')];
    expect(sealed[0]).not.toBe(sealed[1]);
    expect(sealed.join()).not.toContain('hunter2');
    expect(sealed[0]).toMatch(/^v1\.[\w-]{8}\.[\w-]+$/);
  });

  it('opens a sealed secret only with the context used to seal it', () => {
    expect(() => box.open(box.seal('secret', 'webhook:1'), 'webhook:2')).toThrow(DomainError);
  });

  it('refuses a sealed text with any altered character, and text that was never sealed', () => {
    const sealed = box.seal('secret', 'a');
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.constantFrom('A', 'z', '-', '.', ''), (at, other) => {
        const altered = sealed.slice(0, at) + other + sealed.slice(at + 1);
        // The last characters of base64url may contain unused bits: such an alteration leaves the content the same.
        fc.pre(Buffer.compare(contentOf(altered), contentOf(sealed)) !== 0 || altered.length < sealed.length);
        expect(() => box.open(altered, 'a')).toThrow(DomainError);
      }),
    );
    for (const nonsense of ['', 'v1', 'v1..', sealed.replace('v1', 'v2'), sealed.slice(0, 12)]) {
      expect(() => box.open(nonsense, 'a')).toThrow(DomainError);
    }
  });

  it('with `sealAlike` gives the same result for the same secret and context', () => {
    const sealed = box.sealAlike('secret', 'a');
    expect(box.sealAlike('secret', 'a')).toBe(sealed);
    expect(new Set([sealed, box.sealAlike('secret', 'b'), box.sealAlike('other', 'a')]).size).toBe(3);
    expect(box.open(sealed, 'a')).toBe('secret');
  });

  it('opens with every key of a key rotation and seals with the first key', () => {
    const rotated = new SecretBox(['a newer key for this test', 'the first key of this test']);
    const old = box.seal('secret', 'a');
    expect(rotated.open(old, 'a')).toBe('secret');
    expect(rotated.outdated(old)).toBe(true);
    const renewed = rotated.seal('secret', 'a');
    expect(rotated.outdated(renewed)).toBe(false);
    expect(() => box.open(renewed, 'a')).toThrow(/SECRETS_KEY lacks the key/);
  });
});

function contentOf(sealed: string): Buffer {
  return Buffer.from(sealed.split('.').at(-1) ?? '', 'base64url');
}
