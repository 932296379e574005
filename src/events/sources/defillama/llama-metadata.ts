import { isRecord, text } from './llama-fields.js';

/** Maximum characters of a name, id or URL; maximum characters of a description; maximum entries of a list. */
const MAX_WORD_LENGTH = 512;
const MAX_PROSE_LENGTH = 4_096;
const MAX_ENTRIES = 50;

type Reader = (value: unknown) => unknown;

const word: Reader = (value) => (typeof value === 'number' ? String(value) : text(value, MAX_WORD_LENGTH));
const prose: Reader = (value) => text(value, MAX_PROSE_LENGTH);
const words: Reader = (value) => {
  // A single name counts as a list of one.
  const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
  const found = entries.map((entry) => text(entry, MAX_WORD_LENGTH)).filter((entry) => entry !== undefined);
  return found.length === 0 ? undefined : [...new Set(found)].slice(0, MAX_ENTRIES);
};
const seconds: Reader = (value) =>
  typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : undefined;

/**
 * Readers of the members to store. Values that change with every answer (prices, changes, market value) are not among them:
 * each change would be an event.
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

/** Members of a protocol's metadata that this source writes; members of other writers stay unchanged. */
export const METADATA_MEMBERS: readonly string[] = [...Object.keys(READERS), 'doublecounted'];

/** Returns the metadata of an entry of `/protocols`, without absent and unusable members. */
export function readMetadata(entry: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const members = Object.entries(READERS)
    .map(([name, read]) => [name, read(entry[name])] as const)
    .filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(members), ...(isDoublecounted(entry) && { doublecounted: true }) };
}

/**
 * Whether an entry's money is counted in another protocol: it is marked so, or its `chainTvls` has a part `doublecounted`.
 */
function isDoublecounted(entry: Readonly<Record<string, unknown>>): boolean {
  const parts = entry['chainTvls'];
  return entry['doublecounted'] === true || (isRecord(parts) && typeof parts['doublecounted'] === 'number');
}
