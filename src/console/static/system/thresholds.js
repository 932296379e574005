import { isConfirmed } from '../kit/dialog.js';
import { controlOf, field, form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { localPages } from '../kit/local-pages.js';
import { say } from '../kit/say.js';
import { el } from '../dom.js';
import { showOutcome } from './parts.js';

const PATH = '/v1/admin/thresholds';
const METRICS = [
  ['tvl', 'TVL'],
  ['price', 'Price'],
];
const pathOf = ({ metric, subject }) => `${PATH}/${metric}/${encodeURIComponent(subject)}`;

/** Percent of a fraction, without the rounding errors of binary numbers: 0.07 is 7. */
const percentOf = (ratio) => Number((ratio * 100).toPrecision(12));

/** Smallest changes that are published. */
export function mount({ root, api, signal }) {
  const fields = {
    metric: field({ label: 'Metric', type: 'select', options: METRICS, value: 'tvl', pointer: '/metric' }),
    subject: field({
      label: 'Protocol or token',
      placeholder: '*',
      maxlength: 128,
      pointer: '/subject',
      hint: '* : all without one of their own',
    }),
    ratio: field({ label: 'Change, %', type: 'number', min: 0, step: 'any', pointer: '/minChangeRatio' }),
    absolute: field({
      label: 'Change, US dollars',
      type: 'number',
      min: 0,
      step: 'any',
      value: 0,
      pointer: '/minChangeAbsolute',
      hint: 'Both must be reached',
    }),
  };
  const list = new List({
    label: 'Thresholds',
    empty: 'Only the built-in thresholds apply.',
    read: localPages(async () => (await api.get(PATH, {}, signal)).data),
    key: ({ metric, subject }) => `${metric} ${subject}`,
    open: ({ metric, subject, minChangeRatio, minChangeAbsolute }) => {
      const values = { metric, subject, ratio: percentOf(minChangeRatio), absolute: minChangeAbsolute };
      for (const [name, value] of Object.entries(values)) controlOf(fields[name]).value = value;
      controlOf(fields.ratio).focus();
    },
    columns: [
      { title: 'Metric', draw: ({ metric }) => metric },
      { title: 'Subject', draw: ({ subject }) => (subject === '*' ? '* (all others)' : subject) },
      {
        title: 'Change, %',
        isNumber: true,
        draw: ({ minChangeRatio }) => String(percentOf(minChangeRatio)),
      },
      { title: 'Change, US dollars', isNumber: true, draw: ({ minChangeAbsolute }) => String(minChangeAbsolute) },
      { title: 'Remove', draw: (row) => act('remove', 'Remove', () => void remove(row), 'danger') },
    ],
  });
  const remove = async (row) => {
    const text = `${row.subject} then uses the threshold of *, or the built-in one.`;
    if (!(await isConfirmed({ title: 'Remove this threshold?', text, action: 'Remove', signal }))) return;
    await showOutcome(() => api.send('DELETE', pathOf(row), undefined, { signal }), 'The threshold was removed.');
    await list.reload();
  };
  const submit = async () => {
    const number = (name) => controlOf(fields[name]).valueAsNumber;
    const subject = controlOf(fields.subject).value.trim() || '*';
    // In exact decimals: 0.1 % is 0.001, not 0.0010000000000000002.
    const ratio = Number((number('ratio') / 100).toPrecision(12));
    const body = { minChangeRatio: ratio, minChangeAbsolute: number('absolute') };
    await api.send('PUT', pathOf({ metric: controlOf(fields.metric).value, subject }), body, { signal });
    say('The threshold is set.');
    await list.restart();
  };
  root.append(
    form({ fields: [el('div', { class: 'fields' }, ...Object.values(fields))], action: 'Set', submit }),
    list.node,
  );
  void list.restart();
}
