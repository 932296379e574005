import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { isUuid } from '../../platform/input/ids.js';
import { newId } from './ids.js';
import { discordBody, messageBody, slackBody } from './message-body.js';
import { safeReason } from './safe-reason.js';
import { mailAddress } from './channels/email.js';
import { pushReference, pushTarget } from './channels/push.js';
import { newWebhookSecret, signedHeaders } from './webhook-signature.js';

describe('webhook signatures', () => {
  it('are accepted by `standardwebhooks` for each secret and refused for a changed body', () => {
    const secrets = [newWebhookSecret(), newWebhookSecret()];
    const body = '{"text":"Grüße 🌍"}';
    const headers = signedHeaders('msg_1', body, secrets, Date.now());
    for (const secret of secrets) expect(new Webhook(secret).verify(body, headers)).toEqual({ text: 'Grüße 🌍' });
    expect(() => new Webhook(secrets[0] ?? '').verify(`${body} `, headers)).toThrow('No matching signature');
    expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow('No matching signature');
  });

  it('equal the signatures of the `standardwebhooks` library', () => {
    const secret = newWebhookSecret();
    const at = new Date('2026-11-20T10:00:00Z');
    const { 'webhook-signature': signature } = signedHeaders('id', 'body', [secret], at.getTime());
    expect(signature).toBe(new Webhook(secret).sign('id', at, 'body'));
  });
});

describe('message bodies', () => {
  it('omit the explanation if the body would exceed 20 KB', () => {
    const data = { message: 'm', explanation: { long: 'x'.repeat(30_000) } };
    const body = messageBody({ type: 'alert.fired', timestamp: 't', data });
    expect(JSON.parse(body).data).toEqual({ message: 'm', explanation: { omitted: true } });
  });

  it('shorten the text if the text alone would exceed 20 KB', () => {
    const text = '"\u{1f4c9}"\n'.repeat(9_000);
    const body = messageBody({
      type: 'alert.fired',
      timestamp: 't',
      data: { message: text, name: 'n', explanation: {} },
    });
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(20_000);
    const { message, name } = JSON.parse(body).data;
    expect({ name, begins: text.startsWith(message.slice(0, -2)), long: message.length > 2_000 }).toEqual({
      name: 'n',
      begins: true,
      long: true,
    });
    expect(message.isWellFormed()).toBe(true);
  });

  it('are never cut inside a character for Slack and Discord', () => {
    const emojis = 'x' + '\u{1f4c9}'.repeat(4_000);
    for (const body of [
      slackBody({ title: emojis, text: emojis }),
      discordBody({ title: emojis, text: emojis }, 'fired'),
    ]) {
      expect(JSON.stringify(JSON.parse(body))).not.toMatch(/\\ud83d(?!\\udcc9)/);
      expect(body).not.toMatch(/\\ud83d/);
    }
  });

  it('include the links of an alert for Slack and Discord', () => {
    const chat = {
      title: 'Alert: R · bitcoin $110',
      text: 't',
      links: { history: 'https://a/h', rule: 'https://a/r' },
    };
    expect(JSON.parse(slackBody(chat)).blocks.at(-1)).toEqual({
      type: 'context',
      elements: [{ type: 'mrkdwn', text: '<https://a/r|Rule> · <https://a/h|History>' }],
    });
    expect(JSON.parse(discordBody(chat, 'fired')).embeds[0]).toMatchObject({
      title: 'Alert: R · bitcoin $110',
      description: 't\n[Rule](https://a/r) · [History](https://a/h)',
    });
  });

  it('disable mentions from user text in Slack and Discord', () => {
    const slack = JSON.parse(slackBody({ title: '<!channel> & <https://evil|x>', text: 'text' }));
    expect(slack.text).toBe('&lt;!channel&gt; &amp; &lt;https://evil|x&gt;');
    expect(JSON.parse(discordBody({ title: '@everyone', text: 'x'.repeat(9_000) }, 'fired'))).toMatchObject({
      allowed_mentions: { parse: [] },
    });
  });
});

describe('notification targets', () => {
  it.each(['ann@example.com', 'a.b+c@sub.example.co', "o'neil@example.org"])(
    'accept the mail address %s',
    (address) => {
      expect(mailAddress(address)).toBe(address);
    },
  );

  it('convert only the domain of a mail address to lower case', () => {
    expect(mailAddress(' Ann@EXAMPLE.com ')).toBe('Ann@example.com');
  });

  it.each([
    'ann',
    'ann@localhost',
    'ann@[127.0.0.1]',
    'a b@example.com',
    'ann@example.com\r\nBcc: eve@example.com',
    'Ann <ann@example.com>',
    'ann@example.com,eve@example.com',
    '"a@b"@example.com',
    '.ann@example.com',
    'an..n@example.com',
    'ann@-example.com',
    `${'a'.repeat(65)}@example.com`,
    'ann@exämple.com',
  ])('refuse the mail address %j', (address) => {
    expect(mailAddress(address)).toBeUndefined();
  });

  it('distinguish FCM tokens, web push subscriptions and stored references', () => {
    const token = 'dGVzdA:APA91bExampleExampleExample';
    expect(pushTarget(token)).toEqual({ token });
    const keys = { p256dh: Buffer.alloc(65, 4).toString('base64url'), auth: Buffer.alloc(16).toString('base64url') };
    const subscription = { endpoint: 'https://push.example.com/x', keys };
    expect(pushTarget(JSON.stringify({ ...subscription, expirationTime: null }))).toEqual({ subscription });
    const reference = pushReference({ token });
    expect(pushTarget(reference)).toEqual({ reference });
    expect(reference).not.toContain(token);
    for (const text of [
      '',
      'short',
      '{',
      '{}',
      '{"endpoint":1}',
      JSON.stringify({ ...subscription, keys: { auth: 'x' } }),
      'a b '.repeat(9),
    ]) {
      expect(pushTarget(text)).toBeUndefined();
    }
  });
});

describe('ids and error reasons', () => {
  it('ids sort by time', () => {
    const ids = [newId(1), newId(2), newId(2 ** 40)];
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.every(isUuid)).toBe(true);
  });

  it('error reasons contain no secrets', () => {
    const reason = safeReason(
      new Error('connect smtp://ann:hunter2@mail.example.com failed\n with rta_id_0123456789abcdef'),
    );
    expect(reason).not.toMatch(/hunter2|0123456789abcdef/);
  });
});
