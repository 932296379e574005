import { statfs } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';
import { EventLog } from '../log/event-log.js';

/**
 * Age of the oldest change in the outbox above which writes are refused, seconds: the sequencer is then unavailable or far
 * behind, and more writes would increase the delay.
 */
const MAX_CHANGE_AGE_SECONDS = 10;
/** Disk space that PostgreSQL needs to keep running (WAL segments, a checkpoint), bytes. */
const MIN_FREE_BYTES = 256 * 1024 * 1024;
/** Time for which the result of a check is used for all requests, ms. */
const CHECK_TTL_MS = 500;
const RETRY_AFTER_MS = 5_000;

/** Refuses writes while earlier writes are not published, or while the embedded database's disk is nearly full. */
@Injectable()
export class IngestGate {
  private checkedAt = Number.NEGATIVE_INFINITY;
  private fault: string | undefined;

  constructor(
    private readonly log: EventLog,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Throws `unavailable` if writes are currently refused. */
  async check(): Promise<void> {
    const now = this.clock.now();
    if (Math.abs(now - this.checkedAt) >= CHECK_TTL_MS) {
      this.fault = await this.look();
      this.checkedAt = now;
    }
    if (this.fault !== undefined) throw new DomainError('unavailable', this.fault, { retryAfterMs: RETRY_AFTER_MS });
  }

  private async look(): Promise<string | undefined> {
    const age = await this.log.outboxAge();
    if (age > MAX_CHANGE_AGE_SECONDS) return `The event log is ${Math.round(age)} s behind; retry later.`;
    return (await this.freeBytes()) < MIN_FREE_BYTES
      ? 'The disk of the database is nearly full; free some space, then retry.'
      : undefined;
  }

  /**
   * Returns the free space on the embedded database's disk, bytes; infinity for an external database, which reports a full
   * disk itself.
   */
  protected async freeBytes(): Promise<number> {
    if (!this.settings.embedded) return Number.POSITIVE_INFINITY;
    const { bavail, bsize } = await statfs(this.settings.dataDir);
    return bavail * bsize;
  }
}
