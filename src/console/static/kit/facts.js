import { el } from '../dom.js';

/** Names and values as a list of definitions; a value is text or a node. */
export const facts = (values) =>
  el(
    'dl',
    { class: 'facts' },
    ...Object.entries(values).flatMap(([name, value]) => [
      el('dt', {}, name),
      el('dd', { dir: 'auto' }, value instanceof Node ? value : String(value ?? '–')),
    ]),
  );

/** Writes a time in UTC without milliseconds: `2026-11-20 12:00:00`. `none`: text for no time. */
export const utc = (time, none = '–') => (time ? time.slice(0, 19).replace('T', ' ') : none);
