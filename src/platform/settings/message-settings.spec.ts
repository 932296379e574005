import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import webPush from 'web-push';
import { parseSettings, SettingsError } from './settings.js';

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    parseSettings(env);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
}

let directory: string;
const file = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'message-settings-'))));
afterAll(() => rmSync(directory, { recursive: true }));

describe('settings for sending messages', () => {
  it.each(['Ann', 'Ann <>', 'ann@', '@x', 'a@b\r\nBcc: c@d', 'Ann <a@b> <c@d>', 'a@b, c@d'])(
    'refuse %j as a mail sender',
    (sender) => {
      expect(faultsOf({ MAIL_FROM: sender })).toEqual([expect.stringContaining('MAIL_FROM=')]);
    },
  );

  it.each(['a@b.example', 'Ann <a@b.example>', '"Ann, Inc" <a@b.example>'])('accept %j as a mail sender', (sender) => {
    expect(faultsOf({ MAIL_FROM: sender })).toEqual([]);
  });

  it('refuse an `SMTP_URL` without a host and never repeat its password', () => {
    const [fault = ''] = faultsOf({ SMTP_URL: 'smtp:hunter2' });
    expect(fault).toMatch(/^SMTP_URL=\(hidden\)/);
    expect(faultsOf({ SMTP_URL: 'smtp://user:100%@mail.example.com:465' })).toEqual([]);
  });

  it('accept a valid FCM service account file and refuse unreadable or incomplete files', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const account = { project_id: 'p', client_email: 'c@p', private_key: pem };
    expect(faultsOf({ FCM_SERVICE_ACCOUNT: file('good.json', JSON.stringify(account)) })).toEqual([]);
    const bad = [
      ['/nope', 'cannot be read: ENOENT'],
      [directory, 'cannot be read: EISDIR'],
      [file('text.json', 'no JSON'), 'expected the JSON file'],
      [file('list.json', '[]'), 'has no project_id'],
      [file('key.json', JSON.stringify({ ...account, private_key: 'x' })), 'is an RSA key'],
    ] as const;
    for (const [path, fault] of bad) {
      expect(faultsOf({ FCM_SERVICE_ACCOUNT: path })).toEqual([expect.stringContaining(fault)]);
    }
  });

  it('accept VAPID keys only as a matching pair', () => {
    const [one, other] = [webPush.generateVAPIDKeys(), webPush.generateVAPIDKeys()];
    const pair = { VAPID_PUBLIC_KEY: one.publicKey, VAPID_PRIVATE_KEY: one.privateKey };
    expect(faultsOf(pair)).toEqual([]);
    expect(faultsOf({ ...pair, VAPID_PRIVATE_KEY: other.privateKey })).toEqual([expect.stringContaining('one pair')]);
    expect(faultsOf({ ...pair, VAPID_PRIVATE_KEY: '' })).toEqual([expect.stringContaining('the other is not')]);
    expect(faultsOf({ ...pair, VAPID_PUBLIC_KEY: 'x' })).toContainEqual(expect.stringContaining('65 bytes'));
  });
});
