import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CHANNEL_NAMES, CHANNELS } from './catalogue.js';
import type { ChannelDefinition } from './definition.js';

const ROOT = join(import.meta.dirname, '../../../..');
const NAMED = /['"`]push['"`]|\bpush:/;

function filesThatName(form: RegExp): string[] {
  return ['src', 'migrations'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
      .map((name) => join(folder, name))
      .filter((name) => form.test(readFileSync(join(ROOT, name), 'utf8'))),
  );
}

it('a notification channel name appears only in its definition, channel lists and a migration', () => {
  expect(filesThatName(NAMED).sort()).toEqual([
    'migrations/1790000007000-notifications.ts',
    'src/notifications/channels/channel-senders.ts',
    'src/notifications/core/channels/catalogue.ts',
    'src/notifications/core/channels/push.ts',
  ]);
});

it('a notification channel without lanes or with only a slow lane does not compile', () => {
  const { lanes: _, ...without } = CHANNELS.email;
  // @ts-expect-error -- a definition must be complete
  const incomplete: ChannelDefinition = without;
  // @ts-expect-error -- without a main lane there is no queue for targets that do not fail
  const slowOnly: ChannelDefinition['lanes'] = { slow: { name: 'deliver-slow', concurrency: 1 } };
  expect([incomplete, slowOnly]).toHaveLength(2);
});

it('each delivery lane has its own queue', () => {
  const names = CHANNEL_NAMES.flatMap((channel) => Object.values(CHANNELS[channel].lanes).map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
});

it.each(CHANNEL_NAMES)(
  'the notification channel %s verifies targets with a token and has ascending retry waits',
  (channel) => {
    const { proof, retryWaitsMs } = CHANNELS[channel];
    expect(Object.values(proof.data('token', '01234567', (token) => token))).toContain('token');
    expect(retryWaitsMs.length).toBeGreaterThan(0);
    expect(retryWaitsMs).toEqual(retryWaitsMs.toSorted((one, other) => one - other));
  },
);
