import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Handshakes } from './handshakes.js';
import { ReadingTurns } from './reading-turns.js';
import { signatureMs } from './signature-cost.js';

const pemOf = ({ privateKey }: { privateKey: KeyObject }): Buffer =>
  Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));

describe('the cost of a signature', () => {
  it('is known for each type of key that a certificate may have', () => {
    const small = signatureMs(pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 })));
    const large = signatureMs(pemOf(generateKeyPairSync('rsa', { modulusLength: 4096 })));
    expect(large).toBeGreaterThan(2 * small);
    for (const fast of [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519')])
      expect(signatureMs(pemOf(fast))).toBeLessThan(small);
  });

  it('bounds the handshakes under way to those that can be signed for in one turn', () => {
    const handshakes = new Handshakes(new ReadingTurns());
    handshakes.signWith(pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' })));
    const many = handshakes.maxUnderWay;
    handshakes.signWith(pemOf(generateKeyPairSync('rsa', { modulusLength: 4096 })));
    expect(many).toBe(48);
    expect(handshakes.maxUnderWay).toBeLessThan(24);
  });
});
