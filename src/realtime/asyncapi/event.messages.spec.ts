import { expect, it } from 'vitest';
import { EVENT_TYPES, eventSpec } from '../../events/index.js';
import { EVENT_MESSAGES, UPDATE_MESSAGES } from './event.messages.js';

it.each([
  ['Socket.IO and SSE', EVENT_MESSAGES],
  ['plain WebSocket', UPDATE_MESSAGES],
])('the AsyncAPI document of %s marks exactly the reserved event types as reserved', (_, messages) => {
  const marked = messages.map(({ summary }) => summary.includes('reserved: nothing is sent yet'));
  expect(marked).toEqual(EVENT_TYPES.map((type) => eventSpec(type).reserved === true));
  expect(marked).toContain(true);
});
