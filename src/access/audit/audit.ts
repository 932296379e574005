import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { runForProcess } from '../../platform/fairness/working-for.js';
import { redact } from '../../platform/errors/redaction.js';
import { RequestContext } from '../../platform/request/request-context.js';
import type { Caller } from '../caller.js';
import { AuditEntryEntity } from './audit-entry.entity.js';

/**
 * Actor of an entry: a key or token, the command line, the process itself, or a caller without a valid key. Names that
 * clients can choose follow a colon, so that no client can appear as `cli` or `system`.
 */
export type Actor = `key:${string}` | 'cli' | 'system' | 'unknown';

export function actorOf({ keyId }: Pick<Caller, 'keyId'>): Actor {
  return `key:${keyId}`;
}

interface AuditRecord {
  actor: Actor;
  /** Name of the action, `<thing>.<verb>`. */
  action: string;
  /** Object of the action, such as the id of a key. */
  subject?: string;
  outcome: 'ok' | 'refused';
  /** Further details; must not contain secrets. */
  detail?: object;
  address?: string;
}

const MAX_TEXT_LENGTH = 512;
const MAX_DETAIL_LENGTH = 8_192;

/** Writes entries of the audit trail: actor, action, time, address and outcome. */
@Injectable()
export class Audit {
  constructor(
    @InjectRepository(AuditEntryEntity) private readonly entries: Repository<AuditEntryEntity>,
    private readonly context: RequestContext,
  ) {}

  /** Writes an entry for the process: it does not wait behind the statements of the caller that it is about. */
  async record(record: AuditRecord): Promise<void> {
    await runForProcess(() => this.entries.insert(entryOf(record, this.context.correlationId())));
  }
}

function entryOf(record: AuditRecord, requestId: string | undefined): Partial<AuditEntryEntity> {
  return {
    actor: clean(record.actor),
    action: clean(record.action),
    outcome: record.outcome,
    subject: record.subject === undefined ? null : clean(record.subject),
    detail: record.detail === undefined ? null : cleanDetail(record.detail),
    address: record.address === undefined ? null : clean(record.address),
    requestId: requestId ?? null,
  };
}

// Removes secrets, and replaces characters that PostgreSQL cannot store (NUL, half surrogates): an attacker must not be able
// to make the insert fail.
function clean(text: string): string {
  return redact(text).toWellFormed().replaceAll('\0', '\uFFFD').slice(0, MAX_TEXT_LENGTH).toWellFormed();
}

function cleanDetail(detail: object): object {
  const safe = JSON.stringify(detail, (_, value: unknown) => (typeof value === 'string' ? clean(value) : value));
  return safe.length <= MAX_DETAIL_LENGTH
    ? (JSON.parse(safe) as object)
    : { truncated: safe.slice(0, MAX_TEXT_LENGTH) };
}
