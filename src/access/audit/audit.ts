import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { RequestContext } from '../../platform/http/request-context.js';
import type { Caller } from '../caller.js';
import { withoutSecrets } from '../keys/api-key-text.js';
import { AuditEntryEntity } from './audit-entry.entity.js';

/**
 * Actor of an entry, with its kind: a key or token, the command line, the process itself, or somebody without a good key.
 * Whatever a client can name itself stands behind a colon, so nobody looks like the system.
 */
export type Actor = `key:${string}` | 'cli' | 'system' | 'unknown';

export function actorOf({ keyId }: Pick<Caller, 'keyId'>): Actor {
  return `key:${keyId}`;
}

export interface AuditRecord {
  actor: Actor;
  /** Name of the deed, `<thing>.<verb>`. */
  action: string;
  /** The thing it was done to. */
  subject?: string;
  outcome: 'ok' | 'refused';
  /** Anything that helps to understand it, but never a secret. */
  detail?: object;
  address?: string;
}

const LONGEST_TEXT = 512;
const LONGEST_DETAIL = 8_192;

/** The audit trail: who did what, when, from where, and whether it was allowed. */
@Injectable()
export class Audit {
  constructor(
    @InjectRepository(AuditEntryEntity) private readonly entries: Repository<AuditEntryEntity>,
    private readonly context: RequestContext,
  ) {}

  async record(record: AuditRecord): Promise<void> {
    await this.entries.insert({
      actor: clean(record.actor),
      action: clean(record.action),
      outcome: record.outcome,
      subject: record.subject === undefined ? null : clean(record.subject),
      detail: record.detail === undefined ? null : cleanDetail(record.detail),
      address: record.address === undefined ? null : clean(record.address),
      requestId: this.context.correlationId() ?? null,
    });
  }
}

// A key that slipped in is cut out, and what PostgreSQL cannot store (NUL, half surrogates) is replaced: an attacker
// must not be able to keep an entry from being written.
function clean(text: string): string {
  return withoutSecrets(text).toWellFormed().replaceAll('\0', '\uFFFD').slice(0, LONGEST_TEXT).toWellFormed();
}

function cleanDetail(detail: object): object {
  const safe = JSON.stringify(detail, (_, value: unknown) => (typeof value === 'string' ? clean(value) : value));
  return safe.length <= LONGEST_DETAIL ? (JSON.parse(safe) as object) : { truncated: safe.slice(0, LONGEST_TEXT) };
}
