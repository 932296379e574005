import { Injectable } from '@nestjs/common';
import type { Channel } from '../core/delivery.js';
import { EgressPolicy, EgressRefused } from '../core/egress-policy.js';
import { HIDDEN, hookOf, SHOWN_CHARACTERS } from '../core/hook-forms.js';
import { mailAddress, pushReference, pushTarget } from '../core/target-forms.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';

export interface NormalisedTarget {
  /** Target as it is shown, kept in rules and compared. */
  target: string;
  /** Secret of a push target, or of a hook that is shown in part: its true address, to be sealed. */
  secret?: string;
  /** Set if it is the name of a target that must exist already. */
  reference?: true;
  /** Host of its messages. */
  host?: string;
  /** State of a new target. */
  status: 'pending' | 'active';
}

/** Rules of targets that need no call to them. */
@Injectable()
export class TargetRules {
  constructor(
    private readonly settings: Settings,
    private readonly policy: EgressPolicy,
  ) {}

  /** Returns the normal form; throws `invalid_request` for a target that can never be used. */
  normalise(channel: Channel, target: string, shown = SHOWN_CHARACTERS): NormalisedTarget {
    if (channel === 'email') return this.mail(target);
    return channel === 'webhook' ? this.webhook(target, shown) : this.push(target);
  }

  private mail(text: string): NormalisedTarget {
    const target = mailAddress(text);
    if (target === undefined) throw invalid('an email target must be an address such as ann@example.com');
    return { target, status: this.unproven() };
  }

  /**
   * Returns the form of a webhook. The address of a chat's hook, or a pager's key, is known only to people who were given it; and
   * such hosts echo no challenge.
   */
  private webhook(text: string, shown: number): NormalisedTarget {
    if (text.includes(HIDDEN)) return { target: text.trim(), status: 'active', reference: true };
    const address = text.startsWith('pagerduty:') ? text.trim() : this.url(text);
    const hook = hookOf(address, shown);
    if (hook !== undefined) return { target: hook.shown, secret: address, status: 'active', host: hook.kind };
    if (address.startsWith('pagerduty:')) throw invalid('a PagerDuty target must be pagerduty: and a routing key');
    const { host } = new URL(address);
    // Its token would be shown, and it answers no proof.
    if (host === 'api.telegram.org') {
      throw invalid('a Telegram target must be https://api.telegram.org/bot<token>/sendMessage?chat_id=<id>');
    }
    return { target: address, status: this.unproven(), host };
  }

  private push(text: string): NormalisedTarget {
    const parsed = pushTarget(text);
    if (parsed === undefined) throw invalid('a push target must be an FCM token or the JSON of a PushSubscription');
    if ('reference' in parsed) return { target: parsed.reference, status: 'active', reference: true };
    const status = this.unproven();
    if ('token' in parsed) return { target: pushReference(parsed), secret: parsed.token, status, host: 'fcm' };
    const { keys } = parsed.subscription;
    const subscription = { endpoint: this.url(parsed.subscription.endpoint), keys };
    const { host } = new URL(subscription.endpoint);
    return { target: pushReference({ subscription }), secret: JSON.stringify(subscription), status, host };
  }

  private unproven(): 'pending' | 'active' {
    return this.settings.verifyTargets ? 'pending' : 'active';
  }

  private url(text: string): string {
    try {
      return this.policy.url(text).href;
    } catch (error) {
      if (error instanceof EgressRefused) {
        // A receiver on the user's own machine is refused here first: the message names the setting that allows it.
        const way = error.liftable ? '; receivers in private networks need the setting EGRESS_ALLOW' : '';
        throw invalid(`this address is not allowed: ${error.message}${way}`);
      }
      throw error;
    }
  }
}

function invalid(detail: string): DomainError {
  return new DomainError('invalid_request', `The target is not valid: ${detail}.`, {
    field: 'target',
    errors: [{ pointer: '/target', code: 'invalid_target', detail }],
  });
}
