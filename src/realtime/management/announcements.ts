import { Injectable } from '@nestjs/common';
import { actorOf, Audit, type Caller } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { RealtimeHub } from '../core/hub.js';
import type { Audience } from '../core/session-registry.js';
import type { AnnouncementResult, NewAnnouncement } from './operations.dto.js';
import { PodQuestions } from './pod-questions.js';

/** What operators say to the people behind the connections, whichever process holds these. */
@Injectable()
export class Announcements {
  constructor(
    private readonly hub: RealtimeHub,
    private readonly questions: PodQuestions,
    private readonly audit: Audit,
  ) {
    questions.on('announcement', (body) => this.hear(body));
  }

  async announce({ keyId }: Caller, { message, userId, room }: NewAnnouncement): Promise<AnnouncementResult> {
    const audience = audienceOf(userId, room);
    const elsewhere = this.questions.askAll('announcement', { message, userId, room });
    const here = this.hub.announce(audience, message);
    const delivered = (await elsewhere).reduce<number>((sum, told) => sum + (Number(told) || 0), here);
    await this.audit.record({
      actor: actorOf({ keyId }),
      action: 'announcement.send',
      subject: userId ?? room ?? 'everyone',
      outcome: 'ok',
      detail: { message, audience: audience.to, delivered },
    });
    return { delivered };
  }

  private hear({ message, userId, room }: Readonly<Record<string, unknown>>): (() => number) | undefined {
    if (typeof message !== 'string') return undefined;
    const audience = audienceOf(
      typeof userId === 'string' ? userId : undefined,
      typeof room === 'string' ? room : undefined,
    );
    return () => this.hub.announce(audience, message);
  }
}

function audienceOf(userId: string | undefined, room: string | undefined): Audience {
  if (userId !== undefined && room !== undefined) {
    throw new DomainError('invalid_request', 'Give userId or room, not both.', { field: 'room' });
  }
  if (userId !== undefined) return { to: 'user', userId };
  return room === undefined ? { to: 'everyone' } : { to: 'room', room };
}
