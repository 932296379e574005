import { Injectable } from '@nestjs/common';
import { CHANNELS, type Channel } from '../core/channels/catalogue.js';
import type { NormalisedTarget } from '../core/channels/definition.js';
import { EgressPolicy, EgressRefused } from '../core/egress-policy.js';
import { SHOWN_CHARACTERS } from '../core/hook-forms.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { inputFault } from '../../platform/input/faults.js';
import { Settings } from '../../platform/settings/settings.js';

/** Checks of targets that need no request to the target. */
@Injectable()
export class TargetRules {
  constructor(
    private readonly settings: Settings,
    private readonly policy: EgressPolicy,
  ) {}

  /** Returns the normal form; throws `invalid_request` for a target that can never be used. */
  normalise(channel: Channel, target: string, shown = SHOWN_CHARACTERS): NormalisedTarget {
    const normalised = CHANNELS[channel].normalise(target, {
      shown,
      unproven: this.settings.verifyTargets ? 'pending' : 'active',
      url: (text) => this.url(text),
    });
    if ('fault' in normalised) throw invalid(normalised.fault);
    return normalised;
  }

  private url(text: string): string {
    try {
      return this.policy.url(text).href;
    } catch (error) {
      if (error instanceof EgressRefused) {
        // Receivers on a user's own machine fail here first, so the message names the setting that permits them.
        const way = error.liftable ? '; receivers in private networks need the setting EGRESS_ALLOW' : '';
        throw invalid(`this address is not allowed: ${error.message}${way}`);
      }
      throw error;
    }
  }
}

function invalid(detail: string): DomainError {
  return inputFault('invalid_request', '/target', 'invalid_target', detail, {
    message: `The target is not valid: ${detail}.`,
  });
}
