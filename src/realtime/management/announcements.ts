import { Injectable } from '@nestjs/common';
import { Audit, type Caller } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { RealtimeHub } from '../core/hub.js';
import type { Audience } from '../core/session-registry.js';
import type { AnnouncementResult, NewAnnouncement } from './operations.dto.js';

/** What operators say to the people behind the connections. */
@Injectable()
export class Announcements {
  constructor(
    private readonly hub: RealtimeHub,
    private readonly audit: Audit,
  ) {}

  async announce({ keyId }: Caller, { message, userId, room }: NewAnnouncement): Promise<AnnouncementResult> {
    const audience = audienceOf(userId, room);
    const delivered = this.hub.announce(audience, message);
    await this.audit.record({
      actor: `key:${keyId}`,
      action: 'announcement.send',
      subject: userId ?? room ?? 'everyone',
      outcome: 'ok',
      detail: { message, audience: audience.to, delivered },
    });
    return { delivered };
  }
}

function audienceOf(userId: string | undefined, room: string | undefined): Audience {
  if (userId !== undefined && room !== undefined) {
    throw new DomainError('invalid_request', 'Give userId or room, not both.', { field: 'room' });
  }
  if (userId !== undefined) return { to: 'user', userId };
  return room === undefined ? { to: 'everyone' } : { to: 'room', room };
}
