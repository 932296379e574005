import { expect, it } from 'vitest';
import { FINALITIES, isFor } from './finality.js';

const readersOf = (type: 'onchain_event' | 'chain_reorg' | 'points_change', data: Record<string, unknown> | null) =>
  FINALITIES.filter((finality) => isFor(finality, { type, data }));

it.each([
  ['a pending event is for instant readers', { status: 'pending' }, ['instant']],
  [
    'its final row is for final readers, so that nobody gets an event twice',
    { status: 'final', repeat: true },
    ['final'],
  ],
  ['an event that is first seen as final is for everybody', { status: 'final' }, ['instant', 'final']],
])('%s', (_, data, readers) => {
  expect(readersOf('onchain_event', data)).toEqual(readers);
});

it('readers of final events get no reorganisation: what they have read stays', () => {
  expect(readersOf('chain_reorg', { retracted: [] })).toEqual(['instant']);
  expect(readersOf('points_change', { reason: 'stake' })).toEqual(['instant', 'final']);
});
