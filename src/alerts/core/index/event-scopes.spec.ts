import { expect, it } from 'vitest';
import { aTvlChange } from '../../../../test/support/data/log-event.js';
import { EventScopes } from './event-scopes.js';

const anyOf = { eventType: 'onchain_event', protocol: null, chain: 'base', token: null } as const;
const rowOf = (data: Record<string, unknown>) =>
  aTvlChange(1, { type: 'onchain_event', protocol: null, chain: 'base', token: null, data });

it('a rule on final events waits for the final row, other rules only for the first row of an event', () => {
  const scopes = new EventScopes();
  const instant = scopes.scope({ ...anyOf, finality: 'instant' }, 0);
  const final = scopes.scope({ ...anyOf, finality: 'final' }, 0);
  expect(scopes.scope({ ...anyOf, finality: 'final' }, 0)).toBe(final);
  expect([...scopes.matching(rowOf({ status: 'pending' }))]).toEqual([instant]);
  expect([...scopes.matching(rowOf({ status: 'final', repeat: true }))]).toEqual([final]);
  expect([...scopes.matching(rowOf({ status: 'final' }))]).toEqual([instant, final]);
  scopes.release(final);
  expect([...scopes.matching(rowOf({ status: 'final' }))]).toEqual([instant]);
});
