import { expect, it } from 'vitest';
import { sharedBuffers } from './shared-buffers.js';

const GB = 2 ** 30;

it('`shared_buffers` are an eighth of the memory of the machine or container, within bounds', () => {
  expect(sharedBuffers(8 * GB, 0)).toBe('1024MB');
  expect(sharedBuffers(8 * GB, 4 * GB)).toBe('512MB');
  expect(sharedBuffers(8 * GB, 2 ** 63)).toBe('1024MB');
  expect(sharedBuffers(GB, 0)).toBe('256MB');
  expect(sharedBuffers(64 * GB, 0)).toBe('2048MB');
  expect(sharedBuffers()).toMatch(/^\d+MB$/);
});
