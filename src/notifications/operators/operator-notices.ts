import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Database } from '../../platform/database/database.js';
import { isoTime } from '../../platform/input/time.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';
import { MailTransport } from '../channels/email/mail-transport.js';
import { safeReason } from '../core/safe-reason.js';
import { GuardedClient } from '../egress/guarded-client.js';
import { PublicLinks } from '../templates/public-links.js';

/** Alarm for the people who run the server. Times are ISO 8601. */
interface OperatorAlarm {
  readonly chain: string;
  readonly code: string;
  readonly detail: string;
  readonly since: string;
}

interface NoticeRow extends Record<string, unknown> {
  readonly id: string;
  readonly target: string;
  readonly data: OperatorAlarm;
  readonly tries: number;
}

const SEND_INTERVAL_MS = 5_000;
/** Time after which a claimed notice is sent again, if the process that claimed it died, s. */
const CLAIM_SECONDS = 60;
const NOTICES_PER_ROUND = 20;
/** Tries of a notice: with doubling pauses up to an hour they last about a day. */
const MAX_TRIES = 30;
const MAX_PAUSE_SECONDS = 3_600;

/**
 * Sends alarms to OPERATOR_TARGETS: by mail, or as a webhook `{type: 'operator.alarm', timestamp, data}`. The targets are set
 * by the operator, so they need no confirmation. A notice is stored with the alarm and sent at least once.
 */
@Injectable()
export class OperatorNotices implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(OperatorNotices.name);
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    private readonly mails: MailTransport,
    private readonly hooks: GuardedClient,
    private readonly links: PublicLinks,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'operator_notices',
      intervalMs: SEND_INTERVAL_MS,
      onlyOn: 'worker',
      run: () => this.sendDue(),
    });
  }

  onApplicationBootstrap(): void {
    if (this.settings.operatorTargets.length > 0) this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Stores a notice for each target, in the transaction that records the alarm. */
  async add(tx: ClientBase, alarm: OperatorAlarm): Promise<void> {
    const { operatorTargets } = this.settings;
    if (operatorTargets.length === 0) return;
    await tx.query('INSERT INTO operator_notices (target, data) SELECT target, $2 FROM unnest($1::text[]) AS target', [
      operatorTargets,
      JSON.stringify(alarm),
    ]);
  }

  /** Sends what is due; a notice that fails is tried again after a longer pause. */
  private async sendDue(): Promise<void> {
    const due = await this.database.query<NoticeRow>(
      `UPDATE operator_notices SET tries = tries + 1, next_at = clock_timestamp() + make_interval(secs => $1)
       WHERE id IN (SELECT id FROM operator_notices WHERE next_at <= clock_timestamp() ORDER BY next_at
         LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING id, target, data, tries`,
      [CLAIM_SECONDS, NOTICES_PER_ROUND],
    );
    await Promise.all(due.map((notice) => this.attempt(notice)));
  }

  private async attempt(notice: NoticeRow): Promise<void> {
    const { id, target, tries } = notice;
    try {
      await (target.startsWith('mailto:') ? this.mail(notice) : this.post(notice));
      await this.database.query('DELETE FROM operator_notices WHERE id = $1', [id]);
    } catch (error) {
      const err = safeReason(error);
      if (tries >= MAX_TRIES) {
        this.logger.error({ err, tries }, 'operator notice given up');
        await this.database.query('DELETE FROM operator_notices WHERE id = $1', [id]);
        return;
      }
      if (tries === 1) this.logger.warn({ err }, 'operator notice not sent; retrying');
      await this.database.query(
        'UPDATE operator_notices SET next_at = clock_timestamp() + make_interval(secs => $2) WHERE id = $1',
        [id, Math.min(MAX_PAUSE_SECONDS, 2 ** tries)],
      );
    }
  }

  private async post({ target, data }: NoticeRow): Promise<void> {
    const body = JSON.stringify({ type: 'operator.alarm', timestamp: isoTime(Date.now()), data });
    const { status } = await this.hooks.post(target, { 'content-type': 'application/json' }, body);
    if (status < 200 || status > 299) throw new Error(`the receiver answered ${status}`);
  }

  private async mail({ id, target, data }: NoticeRow): Promise<void> {
    const { chain, code, detail, since } = data;
    const { hostname } = new URL(this.links.base);
    await this.mails.send(id, {
      from: this.settings.mailFrom ?? `alerts@${hostname}`,
      to: { name: '', address: decodeURIComponent(new URL(target).pathname) },
      subject: `Alarm of ${chain}: ${code}`,
      text: `${detail}\n\nChain: ${chain}\nCode: ${code}\nSince: ${since}\nServer: ${this.links.base}\n`,
      messageId: `<${id}@${hostname}>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
  }
}
