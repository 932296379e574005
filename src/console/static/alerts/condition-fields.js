import { el } from '../dom.js';
import { controlOf, field } from '../kit/form.js';
import { METRICS, OPERATORS, subjectField } from './words.js';

/** Members of a condition that the form shows; a rule with others is edited as JSON. */
const SHOWN = new Set(['metric', 'operator', 'threshold', 'protocol', 'token', 'account', 'chain', 'timeWindow']);
const MAX_SUGGESTIONS = 12;

const asOptions = (names) => Object.entries(names);
const optional = (text) => (text.trim() === '' ? undefined : text.trim());
const number = (text) => (text.trim() === '' ? undefined : Number(text));

/**
 * Returns the fields of the condition at a place of the rule: their node, and their controls for `readCondition`.
 * `remove`: called when the condition is removed.
 */
export function conditionFields(condition, index, store, remove) {
  const at = (name) => `/conditions/${index}/${name}`;
  const metrics = Object.fromEntries(Object.entries(METRICS).filter(([name]) => name !== 'event'));
  const list = el('datalist', { id: `subjects-${index}` });
  const nodes = {
    metric: field({
      label: 'Metric',
      type: 'select',
      options: asOptions(metrics),
      value: condition.metric,
      pointer: at('metric'),
    }),
    subject: field({
      label: 'Protocol, token or account',
      value: condition.protocol ?? condition.token ?? condition.account ?? '',
      hint: 'empty: every one',
      list: list.id,
      pointer: at(subjectField(condition.metric)),
    }),
    chain: field({ label: 'Chain', value: condition.chain ?? '', hint: 'empty: all together', pointer: at('chain') }),
    operator: field({
      label: 'Is',
      type: 'select',
      options: asOptions(OPERATORS),
      value: condition.operator,
      pointer: at('operator'),
    }),
    threshold: field({
      label: 'Threshold',
      type: 'text',
      inputmode: 'decimal',
      value: condition.threshold ?? '',
      hint: 'US dollars, points or tokens; for moves 0.1 is 10 %',
      pointer: at('threshold'),
    }),
    timeWindow: field({
      label: 'Within',
      type: 'number',
      value: condition.timeWindow ?? '',
      hint: 'seconds, for moves',
      pointer: at('timeWindow'),
    }),
  };
  const controls = Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, controlOf(node)]));
  const group = el(
    'div',
    { class: 'condition' },
    el('div', { class: 'fields' }, ...Object.values(nodes), list),
    el('button', { type: 'button', class: 'button small', onclick: remove }, 'Remove'),
  );
  controls.subject.addEventListener('input', () => suggest(list, controls, store));
  controls.metric.addEventListener('change', () => {
    controls.subject.dataset.pointer = at(subjectField(controls.metric.value));
  });
  return { node: group, controls: Object.assign(controls, { known: condition, store }) };
}

function suggest(list, { subject, metric }, store) {
  const wanted =
    metric.value === 'tvl' ? 'tvl' : { protocol: '', token: 'price', account: 'account' }[subjectField(metric.value)];
  const found = store.search(subject.value, MAX_SUGGESTIONS * 2).filter((one) => !wanted || one.metric === wanted);
  list.replaceChildren(...found.slice(0, MAX_SUGGESTIONS).map(({ id, name }) => el('option', { value: id }, name)));
}

/** Reads a condition from its controls. Text that is no number stays text, so that the server names the fault. */
export function readCondition({ metric, operator, threshold, subject, chain, timeWindow, known, store }) {
  const id = optional(subject.value);
  const text = threshold.value.trim();
  // A change may be of a protocol or of a token: what the condition named before, or else what is known by this id.
  const member = subjectField(metric.value);
  const isToken =
    member === 'token' ||
    (member === 'protocol' &&
      metric.value !== 'tvl' &&
      id !== undefined &&
      (known.token === id || (known.protocol !== id && store.tokens.has(id))));
  return {
    metric: metric.value,
    operator: operator.value,
    threshold: text === '' || Number.isNaN(Number(text)) ? text : Number(text),
    [isToken ? 'token' : member]: id,
    chain: optional(chain.value),
    timeWindow: number(timeWindow.value),
  };
}

/** Whether the form shows everything that a condition has. */
export function isShown(condition) {
  return (
    condition?.metric in METRICS &&
    condition.metric !== 'event' &&
    Object.entries(condition).every(([name, value]) => SHOWN.has(name) || value === undefined)
  );
}
