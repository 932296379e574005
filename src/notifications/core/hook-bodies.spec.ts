import { describe, expect, it } from 'vitest';
import { pagerDutyBody, teamsBody, telegramBody } from './hook-bodies.js';

const links = { rule: 'https://defi.example/r', history: 'https://defi.example/h' };
const chat = { title: 'bitcoin $110', text: 'Price of bitcoin is $110, *above* $100 😀', links };

describe('message bodies for external services', () => {
  it('are an adaptive card with escaped markup for Teams', () => {
    const { type, attachments } = JSON.parse(teamsBody(chat, 'resolved'));
    expect([type, attachments[0].contentType]).toEqual(['message', 'application/vnd.microsoft.card.adaptive']);
    const { body, actions } = attachments[0].content;
    expect(body[0]).toMatchObject({ style: 'good', items: [{ text: 'bitcoin $110' }] });
    expect(body[1].text).toContain('\\*above\\*');
    expect(actions).toContainEqual({ type: 'Action.OpenUrl', title: 'Rule', url: links.rule });
  });

  it('are plain text within 4096 characters for Telegram', () => {
    const {
      chat_id: chatId,
      text,
      ...more
    } = JSON.parse(
      telegramBody({ ...chat, text: '😀'.repeat(5_000) }, new URLSearchParams('chat_id=-100&message_thread_id=7')),
    );
    expect([chatId, more.message_thread_id]).toEqual(['-100', 7]);
    expect(text.length).toBeLessThanOrEqual(4_096);
    expect(text.isWellFormed()).toBe(true);
    expect(text).toContain(links.rule);
    expect(more).not.toHaveProperty('parse_mode');
  });

  it('trigger and resolve the same incident in PagerDuty', () => {
    const event = {
      routingKey: 'k',
      instance: 'rule token:bitcoin',
      type: 'alert.fired' as const,
      priority: 'critical' as const,
      at: '2026-11-20T09:00:00.000Z',
      data: { ruleId: 'r' },
    };
    const fired = JSON.parse(pagerDutyBody(chat, event));
    expect(fired).toMatchObject({ routing_key: 'k', event_action: 'trigger', dedup_key: event.instance });
    expect(fired.payload).toMatchObject({ summary: chat.title, severity: 'critical', timestamp: event.at });
    const ended = JSON.parse(pagerDutyBody(chat, { ...event, type: 'alert.resolved' }));
    expect(ended).toMatchObject({ event_action: 'resolve', dedup_key: event.instance });
    const tested = ['test', 'resolved'].map((state) =>
      pagerDutyBody(chat, { ...event, type: 'test', data: { state } }),
    );
    expect(tested.map((body) => JSON.parse(body).event_action)).toEqual(['trigger', 'resolve']);
  });
});
