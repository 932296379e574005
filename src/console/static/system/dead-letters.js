import { isConfirmed, openDialog } from '../kit/dialog.js';
import { facts, utc } from '../kit/facts.js';
import { List, act } from '../kit/list.js';
import { sentenceOf } from '../kit/refusal.js';
import { el, setText } from '../dom.js';
import { count } from '../format.js';
import { go } from '../links.js';
import { fieldSet, showOutcome } from './parts.js';

const PATH = '/v1/admin/dead-letters';
/** Dead letters that are read at once for an act on all of them. */
const BATCH = 1_000;

/** Events that a reader of the log could not handle; each, or all of a reader, are handled again or discarded. */
export function mount({ root, api, signal }, route) {
  const filters = fieldSet({ reader: { label: 'Reader', maxlength: 128, placeholder: 'all' } });
  const progress = el('p', { class: 'progress', role: 'status' });
  const list = new List({
    label: 'Dead letters',
    empty: 'No dead letters: every event was handled.',
    read: ({ cursor, limit }) => api.get(PATH, { ...filters.given(), cursor, limit }, signal),
    key: ({ id }) => id,
    open: (letter) => openLetter(letter),
    columns: [
      { title: 'Reader', draw: ({ reader }) => reader },
      { title: 'Event', draw: ({ event }) => event.type ?? event.eventType },
      { title: 'Reason', draw: ({ reason }) => reason },
      { title: 'Failures', isNumber: true, draw: ({ failures }) => count(failures) },
      { title: 'Last failed (UTC)', draw: ({ lastFailedAt }) => utc(lastFailedAt) },
      { title: 'Repair', draw: ({ id }) => act('retry', 'Retry', () => void retry(id)) },
    ],
  });
  const retry = async (id) => {
    await showOutcome(() => api.send('POST', `${PATH}/${id}/retry`, undefined, { signal }), 'The event was handled.');
    await list.reload();
  };
  const discard = async (id) => {
    const text = 'The event will never be handled by this reader.';
    if (!(await isConfirmed({ title: 'Discard this event?', text, action: 'Discard', signal }))) return false;
    await showOutcome(() => api.send('DELETE', `${PATH}/${id}`, undefined, { signal }), 'The event was discarded.');
    await list.reload();
    return true;
  };

  /** Does the same to every dead letter of the chosen reader, one after the other, and counts the outcomes. */
  const doAll = async (name, run) => {
    let done = 0;
    let failed = 0;
    let cursor;
    do {
      const { data, page } = await api.get(PATH, { ...filters.given(), cursor, limit: BATCH }, signal);
      for (const { id } of data) {
        try {
          await run(id);
          done += 1;
        } catch (error) {
          if (signal.aborted || error.status === 403 || error.status === 429) throw error;
          failed += 1;
        }
        setText(progress, `${name}: ${count(done)} done, ${count(failed)} failed …`);
      }
      cursor = page.next_cursor;
    } while (cursor);
    setText(progress, `${name}: ${count(done)} done, ${count(failed)} failed.`);
  };
  const bulk =
    (name, run, question) =>
    async ({ target }) => {
      if (question && !(await isConfirmed({ ...question, signal }))) return;
      target.disabled = true;
      try {
        await doAll(name, run);
      } catch (error) {
        if (!signal.aborted) setText(progress, `${name} stopped: ${sentenceOf(error)}`);
      }
      target.disabled = false;
      if (!signal.aborted) await list.restart();
    };
  const retryAll = bulk('Retry', (id) => api.send('POST', `${PATH}/${id}/retry`, undefined, { signal }));
  const discardAll = bulk('Discard', (id) => api.send('DELETE', `${PATH}/${id}`, undefined, { signal }), {
    title: 'Discard all of these events?',
    text: 'None of them will be handled by this reader.',
    action: 'Discard all',
  });

  const openLetter = ({ id, reader, reason, failures, firstFailedAt, lastFailedAt, event }) => {
    const dialog = openDialog({
      title: `Dead letter of ${reader}`,
      signal,
      body: [
        facts({
          Reason: reason,
          Failures: count(failures),
          'First failed (UTC)': utc(firstFailedAt),
          'Last failed (UTC)': utc(lastFailedAt),
        }),
        el('pre', { class: 'code', tabindex: '0' }, JSON.stringify(event, null, 2)),
        el(
          'div',
          { class: 'actions' },
          act('retry', 'Retry', () => void retry(id).then(() => dialog.close())),
          act('discard', 'Discard', async () => (await discard(id)) && dialog.close(), 'danger'),
        ),
      ],
    });
  };

  filters.node.addEventListener('change', () => go(['system', 'dead-letters'], filters.given()));
  root.append(
    el(
      'div',
      { class: 'bar' },
      el('div', { class: 'grow' }, filters.node),
      act('retry-all', 'Retry all', (event) => void retryAll(event)),
      act('discard-all', 'Discard all', (event) => void discardAll(event), 'danger'),
    ),
    progress,
    list.node,
  );
  const show = ({ query }) => {
    filters.set(query);
    void list.restart();
  };
  show(route);
  return { show };
}
