import { el, setText } from '../dom.js';
import { sentenceOf } from './refusal.js';

let made = 0;

/**
 * Labelled control. `type` is an input's type, `select` (with `options`: `[value, text]`) or `textarea`; `pointer` is the
 * control's place in the request, at which the server reports faults; `hint` says units and range.
 */
export function field({ label, type = 'text', value = '', options = [], hint, pointer, ...attributes }) {
  const id = `field-${(made += 1)}`;
  const described = hint || pointer ? `${id}-note` : undefined;
  const shared = { id, 'data-pointer': pointer, 'aria-describedby': described, ...attributes };
  const control = makeControl(type, value, options, shared);
  const note = el('small', { id: described, class: 'note', 'data-hint': hint }, hint ?? '');
  if (type === 'checkbox')
    return el('div', { class: 'field check' }, control, el('label', { for: id }, label), ...(described ? [note] : []));
  return el('div', { class: 'field' }, el('label', { for: id }, label), control, ...(described ? [note] : []));
}

function makeControl(type, value, options, attributes) {
  if (type === 'select') {
    const list = options.map(([key, text]) => el('option', { value: key, selected: key === value }, text));
    return el('select', attributes, ...list);
  }
  if (type === 'textarea') return el('textarea', { spellcheck: 'false', ...attributes }, value);
  if (type === 'checkbox') return el('input', { type, checked: value === true, ...attributes });
  return el('input', { type, value: String(value), autocomplete: 'off', ...attributes });
}

/** Returns the control of a field, or of the field with that pointer in a form. */
export const controlOf = (node) => node.querySelector('input, select, textarea');

/**
 * Form that sends once at a time. `submit` may throw the API's error: its faults are shown at their controls, the rest
 * above the buttons, and the first faulty control gets the focus.
 */
export function form({ fields, action, submit, extra = [] }) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const button = el('button', { type: 'submit', class: 'button primary' }, action);
  const node = el(
    'form',
    { class: 'form', novalidate: true },
    ...fields,
    problem,
    el('div', { class: 'actions' }, button, ...extra),
  );
  node.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    clearFaults(node);
    try {
      await submit();
    } catch (error) {
      showFaults(node, error);
    } finally {
      button.disabled = false;
    }
  });
  return node;
}

/** Removes the faults that a form shows. */
export function clearFaults(node) {
  setText(node.querySelector('.problem'), '');
  for (const control of node.querySelectorAll('[aria-invalid]')) {
    control.removeAttribute('aria-invalid');
    const note = noteOf(control);
    note.classList.remove('fault');
    setText(note, note.dataset.hint ?? '');
  }
}

/** Shows each fault of a refused request at its control. */
export function showFaults(node, error) {
  const rest = [];
  for (const { pointer, detail } of error.errors ?? []) {
    const control = [...node.querySelectorAll('[data-pointer]')].find((one) => one.dataset.pointer === pointer);
    if (!control) rest.push(`${pointer} ${detail}`.trim());
    else {
      control.setAttribute('aria-invalid', 'true');
      noteOf(control).classList.add('fault');
      setText(noteOf(control), detail);
    }
  }
  node.querySelector('[aria-invalid]')?.focus();
  const hasFaults = (error.errors ?? []).length > 0;
  setText(node.querySelector('.problem'), hasFaults ? rest.join('; ') : sentenceOf(error));
}

const noteOf = (control) => document.getElementById(control.getAttribute('aria-describedby'));
