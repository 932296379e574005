import { openDialog } from '../kit/dialog.js';
import { facts, utc } from '../kit/facts.js';
import { form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { sentenceOf } from '../kit/refusal.js';
import { el, setText } from '../dom.js';
import { count } from '../format.js';
import { go } from '../links.js';
import { fieldSet } from './parts.js';

const PATH = '/v1/admin/audit';
/** Pages of one file, of 1,000 entries each; a longer trail is exported by ranges of time. */
const MAX_PAGES = 100;
const OUTCOMES = [
  ['', 'All'],
  ['ok', 'Done'],
  ['refused', 'Refused'],
];

/** Audit trail, the latest entries first, with filters and a file of what they select. */
export function mount({ root, api, signal }, route) {
  const filters = fieldSet({
    actor: { label: 'Actor', placeholder: 'key:…, cli, system', maxlength: 512 },
    action: { label: 'Action', placeholder: 'api_key.', maxlength: 100 },
    subject: { label: 'Subject', maxlength: 512 },
    outcome: { label: 'Outcome', type: 'select', options: OUTCOMES },
    from: { label: 'From', placeholder: 'now-24h' },
    to: { label: 'To', placeholder: 'now' },
  });
  const list = new List({
    label: 'Audit',
    empty: 'No entry answers these filters.',
    read: ({ cursor, limit }) => api.get(PATH, { ...filters.given(), cursor, limit }, signal),
    key: ({ id }) => id,
    open: (entry) => openEntry(entry, signal),
    columns: [
      { title: 'At (UTC)', draw: ({ at }) => utc(at) },
      { title: 'Actor', draw: ({ actor }) => actor },
      { title: 'Action', draw: ({ action }) => action },
      { title: 'Subject', draw: ({ subject }) => subject },
      {
        title: 'Outcome',
        draw: ({ outcome }) => el('span', { class: `tag ${outcome === 'ok' ? 'good' : 'bad'}` }, outcome),
      },
      { title: 'Address', draw: ({ address }) => address },
    ],
  });
  const progress = el('span', { class: 'muted', role: 'status' });
  const exportAll = async ({ target }) => {
    target.disabled = true;
    try {
      const pages = [];
      let cursor;
      do {
        const page = await csvPage(api, { ...filters.given(), cursor }, signal);
        // Every page begins with the names of the columns; the file does once.
        pages.push(pages.length === 0 ? page.text : page.text.slice(page.text.indexOf('\n') + 1));
        cursor = page.next;
        setText(progress, `Page ${count(pages.length)} …`);
      } while (cursor && pages.length < MAX_PAGES);
      save(pages);
      setText(progress, cursor ? 'Saved, without the earliest entries: set “To” for them.' : 'Saved.');
    } catch (error) {
      if (!signal.aborted) setText(progress, sentenceOf(error));
    }
    target.disabled = false;
  };
  const search = form({
    fields: [filters.node],
    action: 'Filter',
    extra: [act('export', 'Export CSV', (event) => void exportAll(event)), progress],
    submit: async () => {
      const before = location.hash;
      go(['system', 'audit'], filters.given());
      if (location.hash === before) await list.restart();
    },
  });
  root.append(search, list.node);
  const show = ({ query }) => {
    filters.set(query);
    void list.restart();
  };
  show(route);
  return { show };
}

/** Reads a page of the trail as CSV, as the server writes it. */
async function csvPage(api, query, signal) {
  const given = Object.entries({ ...query, limit: 1_000 }).filter(([, value]) => value !== undefined);
  const headers = { Authorization: `Bearer ${api.key}`, Accept: 'text/csv' };
  const answer = await fetch(`${PATH}?${new URLSearchParams(given)}`, { headers, signal });
  if (!answer.ok)
    throw new Error((await answer.json().catch(() => ({}))).detail ?? `The server answered ${answer.status}`);
  return { text: await answer.text(), next: answer.headers.get('X-Next-Cursor') };
}

function save(parts) {
  const address = URL.createObjectURL(new Blob(parts, { type: 'text/csv' }));
  el('a', { href: address, download: 'audit.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1_000);
}

function openEntry({ detail, ...entry }, signal) {
  openDialog({
    title: entry.action,
    signal,
    body: [
      facts({
        'At (UTC)': utc(entry.at),
        Actor: entry.actor,
        Subject: entry.subject,
        Outcome: entry.outcome,
        Address: entry.address,
        Request: entry.requestId,
      }),
      el('pre', { class: 'code', tabindex: '0' }, JSON.stringify(detail, null, 2)),
    ],
  });
}
