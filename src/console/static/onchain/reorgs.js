import { openDialog } from '../kit/dialog.js';
import { facts, utc } from '../kit/facts.js';
import { List } from '../kit/list.js';
import { localPages } from '../kit/local-pages.js';
import { refusal } from '../kit/refusal.js';
import { el } from '../dom.js';
import { count } from '../format.js';
import { whenReady } from '../stream.js';
import { EVENT_COLUMNS, openEvent } from './events.js';
import { hash } from './form.js';

/** Reorgs that the list keeps; of more, the oldest are left out. */
const MAX_REORGS = 1_000;
/** Pages of retracted events in which those of a reorg are looked for. */
const MAX_PAGES = 20;

/** Chain reorganisations that the log still keeps, the last one first, each with what it retracted. */
export function mount({ root, api, stream, signal }) {
  const reorgs = new List({
    label: 'Reorgs',
    empty: 'No chain was reorganised as far back as the log goes.',
    read: localPages(() => allReorgs(api, signal)),
    key: ({ cursor }) => cursor,
    open: (reorg) => openReorg(reorg, api, signal),
    columns: [
      { title: 'Seen (UTC)', draw: ({ timestamp }) => utc(timestamp) },
      { title: 'Chain', draw: ({ chain }) => chain },
      { title: 'Blocks replaced', isNumber: true, draw: ({ depth }) => count(depth) },
      { title: 'Retracted', isNumber: true, draw: ({ retracted }) => `${count(retracted.length)} events` },
      { title: 'Old head', draw: ({ oldHead }) => hash(oldHead) },
      { title: 'New head', draw: ({ newHead }) => hash(newHead) },
    ],
  });
  root.append(reorgs.node);
  void reorgs.restart();
  const again = ({ detail }) => detail.eventType === 'chain_reorg' && void reorgs.reload();
  stream.addEventListener('chain', again, { signal });
  whenReady(stream, signal, () => void stream.followChains());
}

/** Reads every reorg of the log and joins its parts. */
async function allReorgs(api, signal) {
  const found = new Map();
  let cursor;
  do {
    const { data, page } = await api.get('/v1/events', { types: 'chain_reorg', limit: 1_000, cursor }, signal);
    for (const part of data) {
      const name = `${part.chain} ${part.oldHead} ${part.newHead}`;
      const known = found.get(name);
      if (known && part.part > 1) known.retracted.push(...part.retracted);
      else {
        found.delete(name);
        found.set(name, { ...part, retracted: [...part.retracted] });
      }
    }
    for (const name of found.keys()) if (found.size > MAX_REORGS) found.delete(name);
    cursor = page.has_more ? page.next_cursor : undefined;
  } while (cursor !== undefined);
  return [...found.values()].toReversed();
}

function openReorg(reorg, api, signal) {
  const { chain, depth, oldHead, newHead, retracted, timestamp } = reorg;
  const found = el('div', {}, el('p', { class: 'muted' }, 'Loading what it retracted …'));
  openDialog({
    title: `${chain}: ${count(depth)} blocks replaced`,
    signal,
    body: [
      facts({
        'Seen (UTC)': utc(timestamp),
        'Old head': oldHead,
        'New head': newHead,
        Retracted: `${count(retracted.length)} events`,
      }),
      found,
    ],
  });
  const show = async () => {
    try {
      const events = await retractedEvents(reorg, api, signal);
      const list = new List({
        label: 'Retracted events',
        empty: 'It retracted no event.',
        rows: 10,
        read: localPages(async () => events),
        key: ({ onchainId }) => onchainId,
        open: (event) => openEvent(event, signal),
        columns: EVENT_COLUMNS.filter(({ title }) => !['Chain', 'Status', 'From'].includes(title)),
      });
      const lost = retracted.length - events.length;
      const note = lost > 0 ? [el('p', { class: 'muted' }, `${count(lost)} of them are no longer kept.`)] : [];
      found.replaceChildren(...note, list.node);
      await list.restart();
    } catch (error) {
      if (!signal.aborted) found.replaceChildren(refusal(error, () => void show()));
    }
  };
  void show();
}

/** Finds the events of a reorg among the retracted ones of its chain. */
async function retractedEvents({ chain, retracted }, api, signal) {
  const wanted = new Set(retracted);
  const found = [];
  let cursor;
  for (let read = 0; read < MAX_PAGES && found.length < wanted.size; read += 1) {
    const query = { chain, status: 'retracted', limit: 1_000, cursor };
    const { data, page } = await api.get('/v1/onchain/events', query, signal);
    found.push(...data.filter(({ eventId }) => wanted.has(eventId)));
    if (!page.has_more) break;
    cursor = page.next_cursor;
  }
  return found;
}
