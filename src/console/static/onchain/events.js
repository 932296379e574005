import { controlOf, field, form } from '../kit/form.js';
import { facts, utc } from '../kit/facts.js';
import { openDialog } from '../kit/dialog.js';
import { List } from '../kit/list.js';
import { el } from '../dom.js';
import { count } from '../format.js';
import { go } from '../links.js';
import { accountLink } from './form.js';

const STATUSES = [
  ['', 'Pending and final'],
  ['pending', 'Pending'],
  ['final', 'Final'],
  ['retracted', 'Retracted'],
];
const TAGS = { pending: 'warn', final: 'good', retracted: 'bad' };

/** Filters of the list, each a parameter of the address and of the API. */
const FILTERS = {
  chain: { label: 'Chain' },
  contract: { label: 'Contract', placeholder: '0x…' },
  type: { label: 'Event', placeholder: 'Transfer' },
  status: { label: 'Status', type: 'select', options: STATUSES },
  fromBlock: { label: 'First block', inputmode: 'numeric' },
  toBlock: { label: 'Last block', inputmode: 'numeric' },
  tokenId: { label: 'Token', inputmode: 'numeric' },
};

export const statusTag = (status) => el('span', { class: `tag ${TAGS[status] ?? ''}` }, status);

export const EVENT_COLUMNS = [
  { title: 'Chain', draw: ({ chain }) => chain },
  { title: 'Block', isNumber: true, draw: ({ blockNumber }) => count(blockNumber) },
  { title: 'Time (UTC)', draw: ({ timestamp }) => utc(timestamp) },
  { title: 'Event', draw: ({ kind }) => kind },
  { title: 'From', draw: ({ from }) => accountLink(from) },
  { title: 'To', draw: ({ to }) => accountLink(to) },
  { title: 'Token', draw: tokenOf },
  { title: 'Status', draw: ({ status }) => statusTag(status) },
];

function tokenOf({ tokenIds, startTokenId, quantity }) {
  if (tokenIds) return `${count(tokenIds.length)} tokens`;
  return quantity === '1' ? startTokenId : `${startTokenId} × ${quantity}`;
}

/** Events of watched contracts, in the order of the chain. */
export function mount({ root, api, signal }, route) {
  const fields = Object.fromEntries(
    Object.entries(FILTERS).map(([name, options]) => [name, field({ ...options, pointer: `?${name}` })]),
  );
  const given = () =>
    Object.fromEntries(
      Object.entries(fields)
        .map(([name, node]) => [name, controlOf(node).value.trim()])
        .filter(([, value]) => value),
    );
  const show = ({ query }) => {
    for (const [name, node] of Object.entries(fields)) controlOf(node).value = query.get(name) ?? '';
    return events.restart();
  };
  const events = new List({
    label: 'Events',
    empty: 'No event answers these filters.',
    read: ({ cursor, limit }) => api.get('/v1/onchain/events', { ...given(), cursor, limit }, signal),
    key: ({ onchainId }) => onchainId,
    open: (event) => openEvent(event, signal),
    columns: EVENT_COLUMNS,
  });
  const filters = form({
    fields: [el('div', { class: 'fields' }, ...Object.values(fields))],
    action: 'Filter',
    submit: async () => {
      // A link that did not change shows nothing anew.
      const before = location.hash;
      go(['onchain', 'events'], given());
      if (location.hash === before) await events.restart();
    },
  });
  root.append(el('div', { class: 'filters' }, filters), events.node);
  void show(route);
  return { show: (next) => void show(next) };
}

/** Shows everything of an event. */
export function openEvent(event, signal) {
  const { tokenIds, quantities, startTokenId, quantity, staker } = event;
  const lines = tokenIds?.map((id, index) => `${id} × ${quantities?.[index]}`).join('\n');
  openDialog({
    title: `${event.kind}, block ${count(event.blockNumber)}`,
    signal,
    body: [
      facts({
        Status: statusTag(event.status),
        Chain: event.chain,
        Contract: event.contract,
        'Time (UTC)': utc(event.timestamp),
        From: event.from ?? 'none: minted',
        To: event.to ?? 'none',
        ...(staker ? { Staker: staker } : {}),
        ...(lines === undefined ? { 'First token': startTokenId, Quantity: quantity } : {}),
        'In the state': event.processed ? `since ${utc(event.processedAt)}` : 'not yet',
        ...(event.error ? { 'Changed nothing': event.error } : {}),
        Transaction: event.transactionHash,
        'Block hash': event.blockHash,
        'Log index': String(event.logIndex),
        'On-chain id': event.onchainId,
      }),
      ...(lines === undefined ? [] : [el('pre', { class: 'code', tabindex: '0' }, lines || 'no tokens')]),
    ],
  });
}
