import { shownKind, type NewDelivery } from '../../notifications/core/index.js';
import type { Transition } from '../core/index.js';
import { flapKey, leavesOf, type SpeakingRule } from './alert-message.js';
import { summarySubjects } from './summary.js';

/** Whether the receiver opens an incident per subject, which only a resolution of the same subject closes. */
export function keepsIncidents({ target }: Pick<NewDelivery, 'target'>): boolean {
  return shownKind(target) === 'pagerduty';
}

/**
 * Splits a summary of several subjects into one firing per subject that still fires: an incident for all of them would
 * never be closed.
 */
export function incidentParts(
  delivery: NewDelivery,
  rule: Pick<SpeakingRule, 'conditions' | 'where'>,
  { ruleId, instanceKey, heldBack }: Pick<Transition, 'ruleId' | 'instanceKey' | 'heldBack'>,
): NewDelivery[] {
  const { data, transitionId } = delivery;
  const ofOthers = data.state === 'summary' && heldBack.some((held) => held.instanceKey !== instanceKey);
  if (!keepsIncidents(delivery) || !ofOthers) return [delivery];
  const [condition] = leavesOf(rule);
  return heldBack
    .filter(({ ended }) => ended !== true)
    .map((held, index): NewDelivery => {
      const subjects = summarySubjects([held], condition);
      const [first] = subjects;
      const { protocol, chain, token, account, value = null, text = '' } = first ?? {};
      return {
        ...delivery,
        type: 'alert.fired',
        collapseKey: flapKey({ ruleId, instanceKey: held.instanceKey }),
        ...(transitionId === undefined ? {} : { transitionId: `${transitionId}:${index + 1}` }),
        data: {
          ...data,
          state: 'fired',
          message: `${data.name}: ${text}`,
          value,
          ...(protocol === undefined ? {} : { protocol }),
          ...(chain === undefined ? {} : { chain }),
          ...(token === undefined ? {} : { token }),
          ...(account === undefined ? {} : { account }),
          explanation: { ...data.explanation, instance: held.instanceKey, subjects, count: 1 },
        },
      };
    });
}
