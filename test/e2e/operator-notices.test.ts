import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChainAlarms } from '../../src/onchain/store/chain-alarms.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MailServer } from '../support/servers/mail-server.js';
import { WebhookReceiver } from '../support/servers/webhook-receiver.js';
import { quietFor, waitFor } from '../support/wait-for.js';

describe('alarms for operators', () => {
  let app: TestApp;
  let mails: MailServer;
  let hooks: WebhookReceiver;

  const health = (): Promise<string> => fetch(`${app.url}/health/ready`).then((answer) => answer.text());

  beforeAll(async () => {
    mails = await MailServer.start();
    hooks = await WebhookReceiver.start();
    app = await createTestApp({
      settings: {
        OPERATOR_TARGETS: 'mailto:ops@example.com',
        SMTP_URL: mails.url,
        MAIL_FROM: 'alerts@example.com',
        EGRESS_ALLOW: '127.0.0.0/8',
      },
    });
  });
  afterAll(async () => {
    await app.close();
    await hooks.close();
    await mails.close();
  });

  it('are mailed once while they hold, without a confirmation of the address', async () => {
    const alarms = app.nest.get(ChainAlarms);
    await alarms.raise('base', 'deep_reorg', 'Blocks from 17 on differ, and 12 is final.');
    await alarms.raise('base', 'deep_reorg', 'Blocks from 16 on differ, and 12 is final.');
    await waitFor(() => mails.received.length > 0);
    await quietFor(200);
    expect(mails.received).toHaveLength(1);
    const [{ to, mail } = { to: '', mail: undefined }] = mails.received;
    expect(to).toBe('ops@example.com');
    expect(mail?.subject).toBe('Alarm of base: deep_reorg');
    expect(mail?.text).toContain('Blocks from 17 on differ, and 12 is final.');
    const { rows } = await app.db.pool.query('SELECT count(*)::int AS waiting FROM operator_notices');
    expect(rows).toEqual([{ waiting: 0 }]);
  });

  it('are posted as `operator.alarm`, and again after a failure', async () => {
    const data = {
      chain: 'base',
      code: 'gap',
      detail: 'Blocks 5 to 9 are missing.',
      since: '2026-11-30T00:00:00.000Z',
    };
    hooks.answer = () => (hooks.received.length === 1 ? { status: 500 } : undefined);
    await app.db.pool.query('INSERT INTO operator_notices (target, data) VALUES ($1, $2)', [hooks.url(), data]);
    await waitFor(() => hooks.received.length === 2);
    expect(hooks.received.map(({ json }) => ({ type: json.type, data: json.data }))).toEqual([
      { type: 'operator.alarm', data },
      { type: 'operator.alarm', data },
    ]);
  });

  it('appear in the health details of every process', async () => {
    await waitFor(async () => (await health()).includes('Blocks from 16 on differ'));
    expect(await health()).toContain('onchain_base_deep_reorg');
  });

  it('end with their condition', async () => {
    await app.nest.get(ChainAlarms).clear('base', 'deep_reorg');
    await waitFor(async () => !(await health()).includes('deep_reorg'));
    expect(await health()).not.toContain('onchain_base_deep_reorg');
  });
});
