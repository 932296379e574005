import { headline, listed, subjectOf } from '../core/alert-text.js';
import { cutText } from '../core/cut-text.js';
import type { AlertMessage } from '../core/delivery.js';
import { comparedFigures, figure, movedFigures, unitOf, unitOfField } from '../core/figures.js';

/** Alert as people read it: the variable `shown` in templates. Texts that an alert does not have are empty. */
interface Shown {
  /** State, rule, subject and value; used as subject of a mail and title of a push. */
  title: string;
  /** State: `Alert`, `Resolved`, `Summary`, `Retracted` or `Test`. */
  state: string;
  /** Subject, such as `aave-v3 on ethereum`. */
  subject: string;
  /** Sentence without the rule's name, which is in the title. */
  fact: string;
  value: string;
  threshold: string;
  /** Previous and current value of a change: `$1,000 → $880`. */
  change: string;
  /** Time, such as `2026-11-29 17:55:12 UTC`. */
  time: string;
  /** Items of a message with several subjects, furthest from the threshold first, as many as there is room for. */
  lines: string[];
  /** Number of items for which there was no room. */
  more: number;
  /** Whether the text contains links; chats, pushes and digests show links outside the text. */
  links: boolean;
}

/** Maximum length of lists in texts for chats, UTF-16 code units. */
const MAX_LIST_LENGTH = 2_000;
const MAX_LINE_LENGTH = 300;
/** Maximum length of a rule's name in a list, UTF-16 code units. */
const MAX_LISTED_NAME_LENGTH = 100;
const STATES: Readonly<Record<string, string>> = {
  resolved: 'Resolved',
  summary: 'Summary',
  retracted: 'Retracted',
  test: 'Test',
};
const NOTHING = {
  name: '',
  message: '',
  at: '',
  metric: 'event',
  type: 'event',
  value: null,
  threshold: null,
  explanation: {},
};

/**
 * Returns `shown` for the data of a delivery. `room`: maximum length of lists, UTF-16 code units; `links`: whether the
 * text has links.
 */
export function shownOf(data: Partial<AlertMessage>, { room = MAX_LIST_LENGTH, links = true } = {}): Shown {
  const alert = { ...NOTHING, ...data };
  const { name, message, metric, type, value, threshold } = alert;
  const unit = metric === 'event' ? unitOfField(fieldOf(alert)) : unitOf(metric, type);
  const [shownValue, shownThreshold] =
    value !== null && threshold !== null
      ? comparedFigures(value, threshold, unit)
      : [value, threshold].map((number) => (number === null ? '' : figure(number, unit)));
  const state = STATES[String(alert.state)] ?? 'Alert';
  const isStorm = type === 'storm';
  const { lines, more } = listOf(alert.explanation, room);
  return {
    title: isStorm ? message : titled(`${state}: ${name}`, alert.state === 'test' ? '' : headline(alert)),
    state,
    subject: subjectOf(alert),
    // For a storm the title is the sentence.
    fact: isStorm ? '' : message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message,
    value: shownValue ?? '',
    threshold: shownThreshold ?? '',
    change: type === 'change_pct' ? changeOf(alert) : '',
    time: alert.at === '' ? '' : `${alert.at.slice(0, 19).replace('T', ' ')} UTC`,
    lines,
    more,
    links,
  };
}

const titled = (title: string, detail: string): string => (detail === '' ? title : `${title} · ${detail}`);

/** Condition as an entry of an explanation. */
interface StatedCondition {
  value?: number | null;
  field?: string;
  current?: number | null;
  reference?: number | null;
}

interface Explained {
  conditions?: readonly StatedCondition[];
  alerts?: readonly { name?: string; message?: string }[];
  subjects?: readonly { text?: string }[];
  count?: number;
}

/** Returns the member of the event's data that is the alert's value. */
function fieldOf({ value, explanation }: Pick<AlertMessage, 'value' | 'explanation'>): string | undefined {
  const { conditions = [] }: Explained = explanation;
  return conditions.find((condition) => condition.field !== undefined && condition.value === value)?.field;
}

function changeOf({ value, metric, explanation }: Pick<AlertMessage, 'value' | 'metric' | 'explanation'>): string {
  const { conditions = [] }: Explained = explanation;
  const { reference, current } = conditions.find((condition) => condition.value === value) ?? {};
  if (typeof reference !== 'number' || typeof current !== 'number') return '';
  const [to, from] = movedFigures(current, reference, unitOf(metric));
  return `${from} → ${to}`;
}

/** Returns the text of a listed alert with at most the beginning of its rule's name, so that subject and value have room. */
function withShortName({ name = '', message = '' }: { name?: string; message?: string }): string {
  return message.startsWith(name) ? `${cutText(name, MAX_LISTED_NAME_LENGTH)}${message.slice(name.length)}` : message;
}

function listOf(explanation: object, room: number): { lines: string[]; more: number } {
  const { alerts, subjects, count }: Explained = explanation;
  const texts = [...(alerts ?? []).map(withShortName), ...(subjects ?? []).map(({ text = '' }) => text)];
  const { items } = listed(
    texts.map((text) => cutText(text, MAX_LINE_LENGTH)),
    room,
  );
  return { lines: items, more: Math.max(texts.length, count ?? 0) - items.length };
}
