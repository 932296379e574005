import { expect, it } from 'vitest';
import { SUBSCRIPTION_TYPES as ALLOWED } from '../../access/index.js';
import { SUBSCRIPTION_TYPES } from './subscription.js';

it('knows the subscription types that a key can be restricted to: access must not import this module to ask', () => {
  expect(SUBSCRIPTION_TYPES).toEqual(ALLOWED);
});
