import type { AlertMessage, NewDelivery } from '../../notifications/index.js';
import { hashedId } from './alert-message.js';

/** More messages than this to one target from one commit of the evaluator become one. */
export const STORM_MESSAGES = 10;
/** Alerts that a grouped message names. */
const NAMED = 50;
const PRIORITY_ORDER = ['low', 'normal', 'high', 'critical'] as const;

/** A grouped message, and the alerts that it stands for. */
export interface Storm {
  delivery: NewDelivery;
  alertIds: readonly string[];
}

/**
 * Groups what would be a flood: one event, or several that came together, fired many rules of one user. Critical messages
 * stay single. Returns what is sent one by one and what is sent in groups.
 */
export function groupStorms(deliveries: readonly NewDelivery[]): { single: NewDelivery[]; storms: Storm[] } {
  const byTarget = new Map<string, NewDelivery[]>();
  for (const delivery of deliveries) {
    const { userId, channel, target, format = '', notBefore, suppressed = '' } = delivery;
    const critical = delivery.priority === 'critical' ? delivery.data.alertId : '';
    const key = JSON.stringify([userId, channel, target, format, notBefore?.getTime() ?? 0, suppressed, critical]);
    const group = byTarget.get(key);
    if (group === undefined) byTarget.set(key, [delivery]);
    else group.push(delivery);
  }
  const groups = [...byTarget.values()];
  return {
    single: groups.filter((group) => group.length <= STORM_MESSAGES).flat(),
    storms: groups.filter((group) => group.length > STORM_MESSAGES).flatMap(grouped),
  };
}

function grouped(group: readonly NewDelivery[]): Storm[] {
  const [first] = group.toSorted((a, b) => PRIORITY_ORDER.indexOf(b.priority) - PRIORITY_ORDER.indexOf(a.priority));
  if (first === undefined) return [];
  const alerts = group.map((delivery) => delivery.data);
  const { template: _, ...delivery } = first;
  const data = stormMessage(alerts, first.data);
  const grouping = { type: 'alert.summary', data, collapseKey: data.alertId, transitionId: data.alertId } as const;
  return [{ delivery: { ...delivery, ...grouping }, alertIds: alerts.map((alert) => alert.alertId) }];
}

function stormMessage(alerts: readonly AlertMessage[], { ruleId, priority, metric }: AlertMessage): AlertMessage {
  const names = [...new Set(alerts.map((alert) => alert.name))];
  const shown = names.slice(0, 3).join(', ');
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return {
    alertId: hashedId(['storm', ...alerts.map((alert) => alert.alertId)]),
    ruleId,
    name: `${alerts.length} alerts`,
    state: 'summary',
    type: 'storm',
    message: `${alerts.length} alerts at once: ${shown}${more}`,
    priority,
    metric,
    value: null,
    threshold: null,
    explanation: {
      reason: 'storm',
      count: alerts.length,
      alerts: alerts.slice(0, NAMED).map(({ alertId, ruleId: rule, state, message }) => ({
        alertId,
        ruleId: rule,
        state,
        message,
      })),
    },
  };
}
