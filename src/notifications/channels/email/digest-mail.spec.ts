import { describe, expect, it } from 'vitest';
import { alertsIn } from '../../core/storm-message.js';
import { digestMail } from './digest-mail.js';

describe('a digest mail', () => {
  it('counts each alert of a storm in its subject', () => {
    const storm = { type: 'storm', explanation: { reason: 'storm', state: 'fired', count: 180, alerts: [] } };
    const count = alertsIn(storm) + alertsIn({ type: 'gt' });
    const messages = ['180 alerts fired', 'Alert: one'].map((subject) => ({ subject, text: '', html: '', links: {} }));
    expect(digestMail(messages, count, '').subject).toBe('181 alerts: 180 alerts fired, Alert: one');
  });
});
