import { describe, expect, it } from 'vitest';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { PodChannel, PodMessage } from '../../platform/redis/pod-channel.js';
import type { Pods } from '../../platform/redis/pods.js';
import { PodQuestions } from './pod-questions.js';

type Listener = (body: PodMessage) => void;

/** Two processes. Publishing a message is confirmed only after the message has had all its effects. */
function twoProcesses(): { here: PodQuestions; there: PodQuestions } {
  const listeners = new Map<string, Listener[]>();
  const channel = {
    on: (kind: string, listener: Listener) => listeners.set(kind, [...(listeners.get(kind) ?? []), listener]),
    publish: async (kind: string, body: PodMessage) => {
      for (const listener of listeners.get(kind) ?? []) listener(body);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return true;
    },
  } as unknown as PodChannel;
  const process = (id: string, other: string) => new PodQuestions(channel, { id, others: [other] } as unknown as Pods);
  return { here: process('here', 'there'), there: process('there', 'here') };
}

describe('`PodQuestions`', () => {
  it('accepts a reply or refusal that arrives before the publication is confirmed', async () => {
    const { here, there } = twoProcesses();
    there.on('name', () => () => 'there');
    there.on('secret', () => () => {
      throw new DomainError('forbidden', 'Not for you.');
    });
    expect(await here.askOne('name', {})).toBe('there');
    expect(await here.askAll('name', {})).toEqual(['there']);
    await expect(here.askOne('secret', {})).rejects.toMatchObject({ code: 'forbidden' });
    expect(await here.askOne('unknown', {})).toBeUndefined();
  });
});
