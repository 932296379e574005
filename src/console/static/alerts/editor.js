import { el } from '../dom.js';
import { form, showFaults } from '../kit/form.js';
import { refusal } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { go, linkTo } from '../links.js';
import { Backtest } from './backtest.js';
import { RuleFields } from './rule-fields.js';

const EMPTY = {
  name: '',
  conditions: [{ metric: 'tvl', operator: 'lt', threshold: '' }],
  mode: 'crossing',
  priority: 'normal',
  throttleMinutes: 5,
  forSeconds: 0,
  notifyResolved: false,
  actions: [],
};
/** Members of an answer that no request changes. */
const READ_ONLY = ['ruleId', 'userId', 'createdAt', 'updatedAt', 'lastTriggered', 'state', 'warnings'];

/** Editor of a rule: its fields on the left, on the right what it would have done with the stored history. */
export async function editRule(context, id, query) {
  const { root, api, signal } = context;
  const isNew = id === 'new';
  let rule;
  try {
    rule = isNew ? prefilled(query) : await api.get(`/v1/alerts/rules/${encodeURIComponent(id)}`, {}, signal);
  } catch (error) {
    if (!signal.aborted) root.append(refusal(error));
    return;
  }
  if (signal.aborted) return;
  for (const name of READ_ONLY) delete rule[name];

  const fields = new RuleFields(rule, context);
  const backtest = new Backtest(context, {
    read: () => fields.read(),
    refused: (error) => showFaults(node, withoutPrefix(error, '/rule')),
    choose: (threshold) => fields.setThreshold(threshold),
  });
  const save = async () => {
    const body = fields.read();
    const saved = isNew
      ? await api.send('POST', '/v1/alerts/rules', body)
      : await api.send('PUT', `/v1/alerts/rules/${encodeURIComponent(id)}`, body);
    const warnings = (saved.warnings ?? []).map(({ detail }) => detail).join(' ');
    say(warnings ? `Saved. ${warnings}` : `“${saved.name}” saved`);
    go(['alerts', 'rules']);
  };
  const node = form({
    fields: fields.nodes,
    action: isNew ? 'Save rule' : 'Save changes',
    submit: save,
    extra: [
      el(
        'button',
        { type: 'button', class: 'button', id: 'backtest-run', onclick: () => void backtest.run() },
        'Backtest',
      ),
      el('a', { class: 'button', href: linkTo(['alerts', 'rules']) }, 'Cancel'),
    ],
  });
  node.id = 'rule-form';
  root.append(
    el(
      'div',
      { class: 'editor' },
      el('section', { class: 'panel pad', 'aria-labelledby': 'rule-title' }, title(isNew, rule), node),
      backtest.node,
    ),
  );
  fields.focus();
}

const title = (isNew, { name }) => el('h2', { id: 'rule-title', dir: 'auto' }, isNew ? 'New rule' : `Rule ${name}`);

/** A rule about the subject that the address names: `#/alerts/rules/new?tvl=lido`. */
function prefilled(query) {
  const rule = structuredClone(EMPTY);
  const [tvl, price] = [query.get('tvl'), query.get('price')];
  const [condition] = rule.conditions;
  if (tvl) condition.protocol = tvl;
  if (price) Object.assign(condition, { metric: 'price', token: price });
  return rule;
}

function withoutPrefix(error, prefix) {
  for (const fault of error.errors ?? [])
    if (fault.pointer.startsWith(prefix)) fault.pointer = fault.pointer.slice(prefix.length);
  return error;
}
