import {
  stormTexts,
  type AlertMessage,
  type ListedAlert,
  type NewDelivery,
  type StormMessage,
} from '../../notifications/core/index.js';
import { hashedId } from './alert-message.js';
import { keepsIncidents } from './incidents.js';
import { inParts, isForProgram } from './parts.js';

/**
 * Maximum number of messages to one target from one commit of the evaluator; if there are more, they become one message.
 */
const STORM_MESSAGES = 10;
/** Maximum number of alerts that a message to people lists; further alerts are only in the history. */
const MAX_LISTED = 100;
const PRIORITY_ORDER = ['low', 'normal', 'high', 'critical'] as const;

/** Grouped message, and the ids of the alerts in it. */
export interface Storm {
  delivery: NewDelivery;
  alertIds: readonly string[];
}

/**
 * Groups messages into storms: one or several simultaneous events fired many rules of one user, or one rule for many
 * subjects. Critical messages are not grouped, nor are those to receivers that keep incidents. Firings and resolutions
 * are grouped separately. Returns the deliveries that are not grouped, and the groups.
 */
export function groupStorms(deliveries: readonly NewDelivery[]): { single: NewDelivery[]; storms: Storm[] } {
  const byTarget = new Map<string, NewDelivery[]>();
  for (const delivery of deliveries) {
    const { userId, channel, target, format = '', notBefore, suppressed = '' } = delivery;
    const isSingle = delivery.priority === 'critical' || keepsIncidents(delivery);
    const single = isSingle ? delivery.data.alertId : '';
    const isAwaiting = delivery.awaited !== undefined;
    const key = JSON.stringify([
      userId,
      channel,
      target,
      format,
      notBefore?.getTime() ?? 0,
      suppressed,
      single,
      isAwaiting,
    ]);
    const group = byTarget.get(key);
    if (group === undefined) byTarget.set(key, [delivery]);
    else group.push(delivery);
  }
  const groups = [...byTarget.values()];
  const floods = groups.filter((group) => group.length > STORM_MESSAGES).flatMap(apart);
  return {
    single: [
      ...groups.filter((group) => group.length <= STORM_MESSAGES),
      ...floods.filter((group) => group.length === 1),
    ].flat(),
    storms: floods.filter((group) => group.length > 1).flatMap(grouped),
  };
}

const isResolution = ({ data }: NewDelivery): boolean => data.state === 'resolved';

function apart(group: readonly NewDelivery[]): NewDelivery[][] {
  const ended = group.filter(isResolution);
  return [group.filter((delivery) => !isResolution(delivery)), ended];
}

function grouped(group: readonly NewDelivery[]): Storm[] {
  const sorted = group.toSorted(worstFirst);
  const [first] = sorted;
  if (first === undefined) return [];
  const { template: _, ...delivery } = first;
  const alerts = sorted.map(({ data }) => data);
  const [onchainIds, awaited] = (['onchainIds', 'awaited'] as const).map((member) => [
    ...new Set(sorted.flatMap((one) => one[member] ?? [])),
  ]);
  // Programs get all alerts, in several parts if necessary; people get a readable extract.
  const toProgram = isForProgram(delivery);
  const parts = toProgram ? inParts(alerts, listedAlert) : [alerts];
  return parts.map((part, index) => {
    const data = stormMessage(alerts, toProgram ? part : part.slice(0, MAX_LISTED), [index + 1, parts.length]);
    const grouping = { type: 'alert.summary', data, collapseKey: data.alertId, transitionId: data.alertId } as const;
    // Ids of all rules: the message is sent as long as at least one of these rules still wants it.
    const ruleIds = [...new Set(part.map((alert) => alert.ruleId))];
    return {
      delivery: {
        ...delivery,
        ...grouping,
        ruleIds,
        ...(onchainIds?.length ? { onchainIds } : {}),
        ...(awaited?.length ? { awaited } : {}),
      },
      alertIds: part.map((alert) => alert.alertId),
    };
  });
}

/** Sorts the most urgent first; of equal urgency, the one furthest from its threshold. */
function worstFirst({ data: one }: NewDelivery, { data: other }: NewDelivery): number {
  const urgency = PRIORITY_ORDER.indexOf(other.priority) - PRIORITY_ORDER.indexOf(one.priority);
  return urgency !== 0 ? urgency : excess(other) - excess(one);
}

function excess({ value, threshold, type }: AlertMessage): number {
  if (value === null || threshold === null) return 0;
  // A change is compared by its size, regardless of its direction.
  const beyond = type === 'change_pct' ? Math.abs(value) - Math.abs(threshold) : value - threshold;
  return threshold === 0 ? Math.abs(value) : Math.abs(beyond / threshold);
}

function stormMessage(
  all: readonly AlertMessage[],
  part: readonly AlertMessage[],
  [number, parts]: readonly [number, number],
): StormMessage {
  const [worst = all[0]] = part;
  if (worst === undefined) throw new Error('storm without alerts');
  const explanation: StormMessage['explanation'] = {
    reason: 'storm',
    state: worst.state === 'resolved' ? 'resolved' : 'fired',
    count: all.length,
    ...(parts === 1 ? {} : { part: number, parts }),
    alerts: part.map(listedAlert),
  };
  return {
    alertId: hashedId(['storm', number, ...all.map((alert) => alert.alertId)]),
    ruleId: worst.ruleId,
    ...stormTexts(explanation),
    state: 'summary',
    type: 'storm',
    at: all.reduce((newest, { at }) => (at > newest ? at : newest), ''),
    priority: worst.priority,
    metric: worst.metric,
    value: null,
    threshold: null,
    explanation,
  };
}

function listedAlert(alert: AlertMessage): ListedAlert {
  const { explanation: _, ...listed } = alert;
  return listed;
}
