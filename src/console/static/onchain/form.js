import { el } from '../dom.js';
import { linkTo } from '../links.js';

/** Shortens a hash or an address: `0x12345678…cdef`. */
export const short = (text) => (text.length > 16 ? `${text.slice(0, 10)}…${text.slice(-4)}` : text);

/** Hash or address, short, whole in its title. */
export const hash = (text) => (text ? el('code', { title: text }, short(text)) : '–');

/** Account as a link to its page. */
export const accountLink = (account) =>
  account
    ? el('a', { href: linkTo(['onchain', 'accounts', account]), title: account }, el('code', {}, short(account)))
    : '–';
