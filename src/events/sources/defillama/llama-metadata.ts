import { isRecord, text } from './llama-fields.js';

/** Maximum characters of a name, an id or an address, and of a description, and maximum entries of a list. */
const MAX_WORD = 512;
const MAX_PROSE = 4_096;
const MAX_ENTRIES = 50;

type Reader = (value: unknown) => unknown;

const word: Reader = (value) => (typeof value === 'number' ? String(value) : text(value, MAX_WORD));
const prose: Reader = (value) => text(value, MAX_PROSE);
const words: Reader = (value) => {
  // Single names stand for a list of one.
  const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
  const found = entries.map((entry) => text(entry, MAX_WORD)).filter((entry) => entry !== undefined);
  return found.length === 0 ? undefined : [...new Set(found)].slice(0, MAX_ENTRIES);
};
const seconds: Reader = (value) =>
  typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : undefined;

/**
 * Readers of lasting facts: values that change with every answer (prices, changes, market value) would be an event each time.
 */
const READERS: Readonly<Record<string, Reader>> = {
  id: word,
  address: word,
  description: prose,
  logo: word,
  audits: word,
  audit_note: prose,
  audit_links: words,
  gecko_id: word,
  cmcId: word,
  module: word,
  twitter: word,
  forkedFrom: words,
  oracles: words,
  listedAt: seconds,
  methodology: prose,
  parentProtocol: word,
};

/** Members of a protocol's metadata that this source keeps; others stay as their writers left them. */
export const METADATA_MEMBERS: readonly string[] = [...Object.keys(READERS), 'doublecounted'];

/** Reads the members of an entry of `/protocols` beside the columns of the table; absent and unusable ones are left out. */
export function readMetadata(entry: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const members = Object.entries(READERS)
    .map(([name, read]) => [name, read(entry[name])] as const)
    .filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(members), ...(isDoublecounted(entry) && { doublecounted: true }) };
}

/** Whether an entry is counted elsewhere: by a mark, or by the part of its books of that name. */
function isDoublecounted(entry: Readonly<Record<string, unknown>>): boolean {
  const parts = entry['chainTvls'];
  return entry['doublecounted'] === true || (isRecord(parts) && typeof parts['doublecounted'] === 'number');
}
