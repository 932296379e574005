import { createPrivateKey, sign } from 'node:crypto';

/** Signatures that are measured; the fastest counts, as others may wait for a processor. */
const MEASURED = 4;
/** Types of keys that hash by themselves. */
const HASHING_TYPES: readonly (string | undefined)[] = ['ed25519', 'ed448'];

/** Returns the time that a signature with a private key takes, ms. */
export function signatureMs(pem: Buffer): number {
  const key = createPrivateKey(pem);
  const digest = HASHING_TYPES.includes(key.asymmetricKeyType) ? null : 'sha256';
  const times = Array.from({ length: MEASURED }, () => {
    const begun = performance.now();
    sign(digest, pem, key);
    return performance.now() - begun;
  });
  return Math.min(...times);
}
