import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SUBSCRIPTION_TYPES } from '../../access/index.js';
import { channelsOf, parseChannel } from './channels.js';
import {
  EVENT_TYPES,
  EVENT_TYPE_NAMES,
  EVENTS,
  POSTED_TYPES,
  RULE_EVENT_TYPES,
  updateName,
} from './event-catalogue.js';
import type { LogEvent } from './log-event.js';

const ROOT = join(import.meta.dirname, '../../..');
const SUBJECTS = { protocol: 'p', chain: 'c', token: 't' };

function filesWith(word: string): string[] {
  return ['src', 'migrations'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|js|html|md)$/.test(name) && !/\.spec\.ts$|README\.md$/.test(name))
      .map((name) => join(folder, name))
      .filter((name) => readFileSync(join(ROOT, name), 'utf8').includes(word)),
  );
}

it('event type names are spelled out only in the event catalogue and in migrations', () => {
  // The client is a package of its own that imports nothing of the server; test/contract/client-types compares its types.
  const files = filesWith('liquidation').filter((name) => !name.startsWith('src/client/'));
  expect(files.filter((name) => !name.startsWith('migrations'))).toEqual(['src/events/core/event-catalogue.ts']);
  expect(files.length).toBeLessThanOrEqual(3);
});

it.each(EVENT_TYPES)('every channel derived from a %s event includes that event type', (type) => {
  const { alsoIn } = EVENTS[type];
  const channels = channelsOf({ type, ...SUBJECTS } as unknown as LogEvent);
  expect(channels.length).toBeGreaterThan(0);
  for (const name of [...channels, ...alsoIn]) expect(parseChannel(name)?.types).toContain(type);
});

it('every event type refers only to existing subscription types', () => {
  for (const type of EVENT_TYPES)
    for (const name of EVENTS[type].followedBy) expect(SUBSCRIPTION_TYPES).toContain(name);
});

it('alert rules accept all event types but `alert`, and writers may post three event types', () => {
  expect(RULE_EVENT_TYPES).toEqual(EVENT_TYPES.filter((type) => type !== 'alert'));
  expect(POSTED_TYPES).toEqual(['liquidation', 'governance', 'emission']);
});

it('event types are found by their own name and by their WebSocket message name', () => {
  for (const type of EVENT_TYPES) {
    expect(EVENT_TYPE_NAMES.get(type)).toBe(type);
    expect(EVENT_TYPE_NAMES.get(updateName(type))).toBe(type);
  }
  expect(updateName('price_change')).toBe('price_update');
});
