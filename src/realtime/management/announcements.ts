import { Injectable } from '@nestjs/common';
import { actorOf, Audit, type Caller } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { RealtimeHub } from '../core/hub.js';
import type { Audience } from '../core/session-registry.js';
import type { AnnouncementResult, NewAnnouncement } from './operations.dto.js';
import { PodQuestions } from './pod-questions.js';

/** Announcements of operators to connections of all processes. */
@Injectable()
export class Announcements {
  constructor(
    private readonly hub: RealtimeHub,
    private readonly questions: PodQuestions,
    private readonly audit: Audit,
  ) {
    questions.on('announcement', (body) => this.answer(body));
  }

  async announce({ keyId }: Caller, { message, ...to }: NewAnnouncement): Promise<AnnouncementResult> {
    const audience = audienceOf(to);
    const elsewhere = this.questions.askAll('announcement', { message, ...to });
    const here = this.hub.announce(audience, message);
    const delivered = (await elsewhere).reduce<number>((sum, reached) => sum + (Number(reached) || 0), here);
    await this.audit.record({
      actor: actorOf({ keyId }),
      action: 'announcement.send',
      subject: to.userId ?? to.room ?? to.connectionId ?? 'everyone',
      outcome: 'ok',
      detail: { message, audience: audience.to, delivered },
    });
    return { delivered };
  }

  private answer({ message, ...to }: Readonly<Record<string, unknown>>): (() => number) | undefined {
    if (typeof message !== 'string') return undefined;
    const { userId, room, connectionId } = to;
    const audience = audienceOf({ userId: text(userId), room: text(room), connectionId: text(connectionId) });
    return () => this.hub.announce(audience, message);
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function audienceOf({ userId, room, connectionId }: Omit<NewAnnouncement, 'message'>): Audience {
  if ([userId, room, connectionId].filter((one) => one !== undefined).length > 1) {
    throw new DomainError('invalid_request', 'must name one of userId, room and connectionId', { field: 'room' });
  }
  if (connectionId !== undefined) return { to: 'connection', connectionId };
  if (userId !== undefined) return { to: 'user', userId };
  return room === undefined ? { to: 'everyone' } : { to: 'room', room };
}
