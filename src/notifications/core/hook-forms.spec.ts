import { describe, expect, it } from 'vitest';
import { formatFault } from './format-fault.js';
import { hookOf } from './hook-forms.js';

describe('the displayed address of a webhook', () => {
  it.each([
    [
      'slack',
      'https://hooks.slack.com/services/T01/B02/abcdefghijklmnopWXYZ',
      'https://hooks.slack.com/services/T01/B02/…WXYZ',
    ],
    [
      'discord',
      'https://discord.com/api/v10/webhooks/123/abcdefghijklmnop-xyz',
      'https://discord.com/api/v10/webhooks/123/…-xyz',
    ],
    [
      'telegram',
      'https://api.telegram.org/bot123:abcdefghijklmno1234/sendMessage?chat_id=-100',
      'https://api.telegram.org/bot…1234/sendMessage?chat_id=-100',
    ],
    [
      'telegram',
      'https://api.telegram.org/bot123:abcdefghijklmno1234/sendMessage?chat_id=-100&message_thread_id=7',
      'https://api.telegram.org/bot…1234/sendMessage?chat_id=-100&message_thread_id=7',
    ],
    [
      'slack',
      'https://hooks.slack.com/triggers/T01/123/abcdefghijklmnopWXYZ',
      'https://hooks.slack.com/triggers/T01/123/…WXYZ',
    ],
    ['pagerduty', 'pagerduty:0123456789abcdef0123456789abcdef', 'pagerduty:…cdef'],
    [
      'teams',
      'https://prod-1.westeurope.logic.azure.com/workflows/1/x?sig=abcdefgh',
      'https://prod-1.westeurope.logic.azure.com/…efgh',
    ],
  ])('hides the secret of a %s address', (kind, address, shown) => {
    expect(hookOf(address)).toEqual({ kind, shown });
  });

  it('shows more characters of the secret on request', () => {
    expect(hookOf('pagerduty:0123456789abcdef0123456789abcdef', 8)?.shown).toBe('pagerduty:…89abcdef');
  });

  it('is undefined for an unknown service, and hides a short secret completely', () => {
    expect(hookOf('https://hooks.example.com/alerts?token=x')).toBeUndefined();
    expect(hookOf('https://api.telegram.org/bot1:a/getUpdates')).toBeUndefined();
    expect(hookOf('pagerduty:x')).toBeUndefined();
    expect(hookOf('https://hooks.slack.com/services/T0/B0/secret')?.shown).not.toContain('secret');
  });
});

describe('the format of a notification action', () => {
  const slack = 'https://hooks.slack.com/services/T/B/…1234';
  it.each([
    [{ type: 'email', target: 'a@b.example', format: 'slack' }, 'only webhooks'],
    [{ type: 'push', target: 'push:x', format: 'json' }, 'only webhooks'],
    [{ type: 'webhook', target: 'pagerduty:…1234', format: 'slack' }, 'must be pagerduty'],
    [{ type: 'webhook', target: slack, format: 'telegram' }, 'must not be telegram'],
    [{ type: 'webhook', target: slack, format: 'json' }, 'template'],
    [{ type: 'webhook', target: slack, format: 'json', template: 'mine' }, undefined],
    [{ type: 'webhook', target: slack, format: 'standard' }, undefined],
    [{ type: 'webhook', target: 'pagerduty:…1234' }, undefined],
    [{ type: 'email', target: 'a@b.example' }, undefined],
  ] as const)('is validated for %j', (action, fault) => {
    expect(formatFault(action) ?? 'none').toContain(fault ?? 'none');
  });
});
