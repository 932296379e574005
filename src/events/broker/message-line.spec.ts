import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { MessageLine } from './message-line.js';

const large = (name: string): string => name.padEnd(200_000);

it('handles small messages at once, and of large ones one in each turn of the event loop, in order', async () => {
  const handled: string[] = [];
  const line = new MessageLine((text) => handled.push(text.trim()));
  for (const text of ['a', 'b', large('c'), large('d'), 'e', large('f'), 'g']) line.add(text);
  expect(handled).toEqual(['a', 'b', 'c']);
  await nextTurn();
  expect(handled).toEqual(['a', 'b', 'c', 'd']);
  for (let n = 0; n < 3; n++) await nextTurn();
  expect(handled).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
});

it('drops messages while too many wait', async () => {
  let handled = 0;
  const line = new MessageLine(() => handled++);
  for (let n = 0; n < 100; n++) line.add(large(''));
  for (let n = 0; n < 100; n++) await nextTurn();
  expect(handled).toBe(84);
  line.add('');
  expect(handled).toBe(85);
});
