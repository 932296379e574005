import { Injectable } from '@nestjs/common';
import { SecretBox } from '../../platform/secrets/secret-box.js';
import { Settings } from '../../platform/settings/settings.js';

const UNSUBSCRIBE = 'unsubscribe';

/** Addresses in mails. They lead to pages with a button: mail scanners open links. */
@Injectable()
export class PublicLinks {
  readonly base: string;

  constructor(
    settings: Settings,
    private readonly box: SecretBox,
  ) {
    this.base = (settings.publicUrl ?? `http://localhost:${settings.port}`).replace(/\/+$/, '');
  }

  confirm(token: string): string {
    return `${this.base}/v1/notifications/confirm/${token}`;
  }

  unsubscribe(targetId: string): string {
    return `${this.base}/v1/notifications/unsubscribe/${encodeURIComponent(this.box.seal(targetId, UNSUBSCRIBE))}`;
  }

  /** The target of an unsubscribe link; undefined for a link that was not made here. */
  unsubscribedTarget(token: string): string | undefined {
    try {
      return this.box.open(token, UNSUBSCRIBE);
    } catch {
      return undefined;
    }
  }
}
