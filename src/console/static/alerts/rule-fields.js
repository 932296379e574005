import { el } from '../dom.js';
import { controlOf, field } from '../kit/form.js';
import { sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { conditionFields, isShown, readCondition } from './condition-fields.js';
import { subscribeBrowser } from './this-browser.js';

const asOptions = (names) => Object.entries(names);
const optional = (text) => (text.trim() === '' ? undefined : text.trim());
const number = (text) => (text.trim() === '' ? undefined : Number(text));

/** Fields of a rule, as a form or, for rules that the form cannot show, as JSON. */
export class RuleFields {
  #form = el('div', { class: 'form' });
  #json;
  #switch;
  #isJson = false;
  #controls = {};
  #conditions = [];
  #actions = [];

  constructor(rule, { api, store, me, signal }) {
    Object.assign(this, { rule, api, store, me, signal });
    this.#json = field({ label: 'Rule, as JSON', type: 'textarea', rows: 22, id: 'rule-json' });
    this.#json.hidden = true;
    const turn = () => this.#turn(!this.#isJson);
    this.#switch = el('button', { type: 'button', class: 'button small', onclick: turn }, 'Edit as JSON');
    this.nodes = [this.#form, this.#json, el('div', {}, this.#switch)];
    this.#draw();
    if (!isSimple(rule)) this.#turn(true);
  }

  focus() {
    (this.#isJson ? controlOf(this.#json) : this.#controls.name).focus();
  }

  /** Returns the request. Throws if the JSON is none. */
  read() {
    if (!this.#isJson) return this.#readForm();
    try {
      return JSON.parse(controlOf(this.#json).value);
    } catch (error) {
      throw new Error(`This is not JSON: ${error.message}`, { cause: error });
    }
  }

  /** Takes a threshold from the curve of a backtest. */
  setThreshold(value) {
    const rule = this.read();
    if (rule.conditions?.[0]) rule.conditions[0].threshold = value;
    if (this.#isJson) controlOf(this.#json).value = JSON.stringify(rule, undefined, 2);
    else this.#conditions[0].threshold.value = String(value);
  }

  #turn(isJson) {
    try {
      if (isJson)
        controlOf(this.#json).value = JSON.stringify(this.#isJson ? this.read() : this.#draft(), undefined, 2);
      else {
        const rule = this.read();
        if (!isSimple(rule))
          throw new Error('The form cannot show this rule; it has more than values against thresholds.');
        this.rule = rule;
        this.#draw();
      }
    } catch (error) {
      say(error.message, { isProblem: true });
      return;
    }
    this.#isJson = isJson;
    this.#form.hidden = isJson;
    this.#json.hidden = !isJson;
    this.#switch.textContent = isJson ? 'Edit as form' : 'Edit as JSON';
  }

  /** The rule as the JSON editor starts with it; a rule that the form cannot show is not read from the form. */
  #draft() {
    return isSimple(this.rule) ? this.#readForm() : this.rule;
  }

  #readForm() {
    const { name, mode, priority, throttleMinutes, forSeconds, notifyResolved } = this.#controls;
    const actions = this.#actions.map(({ known, type, target, template }) => ({
      ...known,
      type: type.value,
      target: target.value.trim(),
      template: optional(template.value),
    }));
    return {
      ...this.rule,
      name: name.value.trim(),
      conditions: this.#conditions.map(readCondition),
      mode: mode.value,
      priority: priority.value,
      throttleMinutes: number(throttleMinutes.value),
      forSeconds: number(forSeconds.value),
      notifyResolved: notifyResolved.checked,
      actions: actions.map(({ status: _status, ...action }) => action),
    };
  }

  #draw() {
    const { rule } = this;
    this.#conditions = [];
    this.#actions = [];
    const conditions = el('fieldset', {}, el('legend', {}, 'When all of these hold'));
    const actions = el('fieldset', {}, el('legend', {}, 'Tell'));
    const addCondition = (condition) => {
      const fields = conditionFields(condition, this.#conditions.length, this.store, () => {
        this.#conditions.splice(this.#conditions.indexOf(fields.controls), 1);
        fields.node.remove();
      });
      this.#conditions.push(fields.controls);
      conditions.lastElementChild.before(fields.node);
    };
    const addAction = (action) => actions.lastElementChild.before(this.#action(action));
    const button = (text, onclick) => el('button', { type: 'button', class: 'button small', onclick }, text);
    conditions.append(
      el(
        'div',
        {},
        button('Add a condition', () => addCondition({ metric: 'tvl', operator: 'lt', threshold: '' })),
      ),
    );
    const browser = async ({ target: pressed }) => {
      pressed.disabled = true;
      try {
        addAction({ type: 'push', target: await subscribeBrowser(this.api) });
      } catch (error) {
        say(sentenceOf(error), { isProblem: true });
      }
      pressed.disabled = false;
    };
    actions.append(
      el(
        'div',
        { class: 'actions' },
        button('Add a target', () => addAction({ type: 'email', target: '' })),
        button('Add this browser', (event) => void browser(event)),
      ),
    );
    for (const condition of rule.conditions ?? []) addCondition(condition);
    for (const action of rule.actions ?? []) addAction(action);
    this.#form.replaceChildren(
      this.#named('name', { label: 'Name', value: rule.name, maxlength: '200' }),
      conditions,
      this.#timing(),
      actions,
    );
  }

  #named(name, options) {
    const node = field({ pointer: `/${name}`, ...options });
    this.#controls[name] = controlOf(node);
    return node;
  }

  #timing() {
    const {
      mode = 'crossing',
      priority = 'normal',
      throttleMinutes = 5,
      forSeconds = 0,
      notifyResolved = false,
    } = this.rule;
    const modes = { crossing: 'each time it begins', while_true: 'while it holds', once: 'once' };
    const words = { low: 'low', normal: 'normal', high: 'high', critical: 'critical' };
    return el(
      'fieldset',
      {},
      el('legend', {}, 'How often'),
      el(
        'div',
        { class: 'fields' },
        this.#named('mode', { label: 'Fire', type: 'select', options: asOptions(modes), value: mode }),
        this.#named('priority', { label: 'Priority', type: 'select', options: asOptions(words), value: priority }),
        this.#named('throttleMinutes', {
          label: 'At most every',
          type: 'number',
          value: throttleMinutes,
          hint: 'minutes; 0: no limit',
        }),
        this.#named('forSeconds', { label: 'After it held for', type: 'number', value: forSeconds, hint: 'seconds' }),
      ),
      this.#named('notifyResolved', { label: 'Also tell when it ends', type: 'checkbox', value: notifyResolved }),
    );
  }

  #action(action) {
    const index = this.#actions.length;
    const at = (name) => `/actions/${index}/${name}`;
    const channels = { email: 'E-mail', webhook: 'Webhook', push: 'Push' };
    const nodes = {
      type: field({
        label: 'By',
        type: 'select',
        options: asOptions(channels),
        value: action.type,
        pointer: at('type'),
      }),
      target: field({
        label: 'To',
        value: action.target,
        hint: 'address, URL or push subscription',
        pointer: at('target'),
      }),
      template: field({
        label: 'Template',
        value: action.template ?? '',
        hint: 'empty: the built-in one',
        pointer: at('template'),
      }),
    };
    const controls = Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, controlOf(node)]));
    const remove = () => {
      this.#actions.splice(this.#actions.indexOf(controls), 1);
      group.remove();
    };
    const group = el(
      'div',
      { class: 'condition' },
      el('div', { class: 'fields' }, ...Object.values(nodes)),
      el('button', { type: 'button', class: 'button small', onclick: remove }, 'Remove'),
    );
    this.#actions.push(Object.assign(controls, { known: action }));
    return group;
  }
}

/** Whether the form shows everything that a rule has. */
function isSimple({ conditions, where }) {
  if (where || !Array.isArray(conditions) || conditions.length === 0) return false;
  return conditions.every(isShown);
}
