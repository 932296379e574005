import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, Repository } from 'typeorm';
import { Clock } from '../../platform/clock/clock.js';
import { runForProcess } from '../../platform/fairness/working-for.js';
import { AccessEvents, type EndReason } from '../access-events.js';
import { Connections } from '../limits/connections.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { Callers, sameRights } from './callers.js';
import { KeyChanges } from './key-changes.js';

const BATCH_SIZE = 1_000;

/**
 * Detects that a key with open connections was revoked, expired or changed: immediately if this process changed it, or
 * another process while Redis is available; within 2 s in all other cases, such as the command line or plain SQL. Reads the
 * rows of the keys in use, so it needs no change log and cannot miss a transaction that commits late.
 */
@Injectable()
export class KeyWatch {
  private readonly logger = new Logger(KeyWatch.name);

  constructor(
    @InjectRepository(ApiKeyEntity) private readonly keys: Repository<ApiKeyEntity>,
    private readonly connections: Connections,
    private readonly callers: Callers,
    private readonly events: AccessEvents,
    private readonly clock: Clock,
    changes: KeyChanges,
  ) {
    changes.onChange((id) => void runForProcess(() => this.checkOne(id)));
  }

  /** Checks every key in use. Must be called at least every 2 s. */
  async checkAll(): Promise<void> {
    const ids = this.connections.keyIds().filter((id) => !id.startsWith('jwt:'));
    for (let from = 0; from < ids.length; from += BATCH_SIZE) await this.check(ids.slice(from, from + BATCH_SIZE));
  }

  private async checkOne(id: string): Promise<void> {
    try {
      await this.check([id]);
    } catch (error) {
      this.logger.warn({ err: error }, 'check of a changed key failed; all keys in use are checked within 2 s');
    }
  }

  private async check(ids: readonly string[]): Promise<void> {
    const inUse = ids.filter((id) => this.connections.count(id) > 0);
    if (inUse.length === 0) return;
    const found = new Map((await this.keys.findBy({ id: In(inUse) })).map((key) => [key.id, key]));
    for (const id of inUse) this.judge(id, found.get(id));
  }

  private judge(id: string, key: ApiKeyEntity | undefined): void {
    const reason = this.endOf(key);
    if (key === undefined || reason !== undefined) return this.events.ended(id, reason ?? 'revoked');
    const caller = this.callers.of(key);
    if ([...this.connections.callersOf(id)].every((known) => sameRights(known, caller))) return;
    this.connections.changeCaller(caller);
    this.events.changed(id, caller);
  }

  private endOf(key: ApiKeyEntity | undefined): EndReason | undefined {
    if (key === undefined || key.revokedAt !== null) return 'revoked';
    return key.expiresAt !== null && key.expiresAt.getTime() <= this.clock.now() ? 'expired' : undefined;
  }
}
