import { headline, listedLine } from './alert-text.js';
import { cutText } from './cut-text.js';
import type { AlertMessage } from './delivery.js';

/** Maximum length of the line that names the alerts, UTF-16 code units: short enough for a phone. */
const MAX_LINE_LENGTH = 180;
const MAX_NAME_LENGTH = 60;

/** Alert as an item of a message that groups many alerts. */
export type ListedAlert = Omit<AlertMessage, 'explanation'>;

/** Message that groups many alerts. */
export interface StormMessage extends AlertMessage {
  type: 'storm';
  explanation: {
    reason: 'storm';
    /** State that all alerts of the message have. */
    state: 'fired' | 'resolved';
    /** Number of all alerts, including those that are not listed. */
    count: number;
    part?: number;
    parts?: number;
    alerts: readonly ListedAlert[];
  };
}

/**
 * Returns the title and the sentence of a storm. The sentence names each alert by subject and value, or by its rule if it
 * has no subject.
 */
export function stormTexts({
  state,
  count,
  part,
  parts,
  alerts,
}: Omit<StormMessage['explanation'], 'reason'>): Pick<StormMessage, 'name' | 'message'> {
  const name = `${count} ${count === 1 ? 'alert' : 'alerts'} ${state}`;
  const place = part === undefined || parts === undefined ? '' : ` (part ${part} of ${parts})`;
  return { name, message: `${name} at once${place}: ${listedLine(namesOf(alerts), MAX_LINE_LENGTH)}` };
}

/** Returns the message without the rules that no longer want it; messages of a single rule are returned unchanged. */
export function withoutRules(data: object, unwanted: ReadonlySet<string>): object {
  if (unwanted.size === 0 || !isStorm(data)) return data;
  const { alerts, count, ...rest } = data.explanation;
  const kept = alerts.filter(({ ruleId }) => !unwanted.has(ruleId));
  const [worst] = kept;
  const explanation = { ...rest, count: count - (alerts.length - kept.length), alerts: kept };
  const ruleId = worst?.ruleId ?? data.ruleId;
  return { ...data, ...stormTexts(explanation), ruleId, explanation };
}

/** Returns the number of alerts of a message: those of a storm, else one. */
export function alertsIn(data: object): number {
  return isStorm(data) ? data.explanation.count : 1;
}

function isStorm(data: object): data is StormMessage {
  const explanation: unknown = 'explanation' in data ? data.explanation : undefined;
  const lists = typeof explanation === 'object' && explanation !== null && 'alerts' in explanation;
  return 'type' in data && data.type === 'storm' && lists && Array.isArray(explanation.alerts);
}

function namesOf(alerts: readonly ListedAlert[]): string[] {
  const names = alerts.map((alert) => {
    const isAboutOne = [alert.protocol, alert.token, alert.chain, alert.account].some(
      (subject) => subject !== undefined,
    );
    return cutText(isAboutOne ? headline(alert) : `${alert.name} ${headline(alert)}`.trim(), MAX_NAME_LENGTH);
  });
  return [...new Set(names)];
}
