import { CHAIN_ALIASES, foldedName } from './chains.js';

/** Chain name for sources that know only a protocol's total. It counts only if the protocol has no real chain. */
export const ALL_CHAINS = 'all';

/**
 * Parts of a protocol's money that adapters report like chains. They never count towards its total, neither as a chain nor
 * as a suffix (`ethereum-borrowed`).
 */
export const PSEUDO_CHAINS = [
  'staking',
  'pool2',
  'borrowed',
  'vesting',
  'treasury',
  'offers',
  'owntokens',
  'doublecounted',
  'liquidstaking',
  'dcandlsoverlap',
  'masterchef',
] as const;

const pseudo: ReadonlySet<string> = new Set(PSEUDO_CHAINS);

/**
 * Returns the canonical spelling of a chain. Writers and clients use many spellings of chains, protocols and tokens
 * (`Binance`, `OP Mainnet`, `0xA0b8…`); the log, tables and caches contain only the results of the functions below, and the
 * database converts the input of SQL writers in the same way.
 */
export function normaliseChain(chain: string): string {
  const name = foldedName(chain);
  const known = CHAIN_ALIASES.get(name);
  if (known !== undefined) return known;
  const dash = name.lastIndexOf('-');
  // A suffix that is a pseudo chain: `binance-borrowed` is a part of `bsc`.
  if (dash <= 0 || !pseudo.has(name.slice(dash + 1))) return name;
  return `${CHAIN_ALIASES.get(name.slice(0, dash)) ?? name.slice(0, dash)}${name.slice(dash)}`;
}

/** Returns a slug in lower case. */
export function normaliseProtocol(slug: string): string {
  return slug.trim().toLowerCase();
}

/**
 * Returns the canonical spelling of a token: a CoinGecko id in lower case, or `chain:address`. In the latter, aliases of the
 * chain are resolved and hexadecimal addresses are in lower case; other addresses (base58 is case-sensitive) and the module
 * and type of a Move coin (`0x2::sui::SUI`) keep their case. A leading `coingecko:` is removed.
 */
export function normaliseToken(token: string): string {
  const name = token.trim();
  const colon = name.indexOf(':');
  if (colon < 0) return name.toLowerCase();
  const chain = normaliseChain(name.slice(0, colon));
  const address = name.slice(colon + 1);
  if (chain === 'coingecko') return normaliseToken(address);
  return `${chain}:${address.replace(HEX, (hex) => hex.toLowerCase())}`;
}

/** Hexadecimal address, alone or in front of the module of a Move type. */
const HEX = /^0[xX][0-9a-fA-F]+(?=$|::)/;

/** Returns the chain in a token's name: the part before its address. */
export function chainOfToken(token: string): string | null {
  const colon = token.indexOf(':');
  return colon <= 0 ? null : token.slice(0, colon);
}

export type NameKind = 'protocol' | 'chain' | 'token';

interface NameForm {
  readonly normalise: (name: string) => string;
  readonly longest: number;
  readonly pattern: RegExp;
  readonly is: string;
}

/** Pattern of names: no white space, commas (they separate lists), control characters or broken surrogates. */
const NAME = /^[^\s,\p{Cc}\p{Cs}]+$/u;
/** Pattern of tokens: a Move type may have commas between its parameters, as in `…::lp::LP<0x1::a::A,0x2::b::B>`. */
const TOKEN = /^[^\s,<\p{Cc}\p{Cs}]+(?:<[^\s\p{Cc}\p{Cs}]*)?$/u;

const FORMS: Readonly<Record<NameKind, NameForm>> = {
  protocol: { normalise: normaliseProtocol, longest: 128, pattern: NAME, is: 'a slug such as uniswap-v3' },
  chain: { normalise: normaliseChain, longest: 64, pattern: NAME, is: 'a chain such as ethereum' },
  token: {
    normalise: normaliseToken,
    longest: 128,
    pattern: TOKEN,
    is: 'a CoinGecko id such as bitcoin, or chain:address',
  },
};

/** Returns the canonical spelling of a name, whether or not data with the name exists. */
export function normaliseName(kind: NameKind, given: string): string {
  return FORMS[kind].normalise(given);
}

/** Returns why no data can have this name, as the end of a sentence (`must be …`); undefined if data can have it. */
export function nameFault(kind: NameKind, given: string): string | undefined {
  const { normalise, longest, pattern, is } = FORMS[kind];
  const name = normalise(given);
  if (name !== '' && name.length <= longest && pattern.test(name)) return undefined;
  const meant = slugOf(given);
  const offer = meant !== '' && meant.length <= longest && pattern.test(meant) ? `; did you mean ${meant}?` : '';
  return `must be ${is}, of 1 to ${longest} characters without white space or commas${offer}`;
}

/** Appends a full stop to the result of `nameFault`, unless it ends with a question. */
export function endedFault(fault: string): string {
  return fault.endsWith('?') ? fault : `${fault}.`;
}

/** Returns the slug of a protocol's name, as DefiLlama derives it: `Amnis Finance` becomes `amnis-finance`. */
export function slugOf(name: string): string {
  return name.trim().toLowerCase().replaceAll(/\s+/g, '-').replaceAll("'", '');
}

/** Whether a chain counts towards totals: it is neither `all` nor a pseudo chain. */
export function isRealChain(chain: string): boolean {
  return chain !== ALL_CHAINS && !isPseudoChain(chain);
}

export function isPseudoChain(chain: string): boolean {
  return pseudo.has(chain) || pseudo.has(chain.slice(chain.lastIndexOf('-') + 1));
}

/**
 * Returns a protocol's total: the sum over its real chains, or the value of `all` if it has no real chain. Undefined if it
 * has neither.
 */
export function totalOverChains(values: Iterable<readonly [chain: string, value: number]>): number | undefined {
  let real: number | undefined;
  let all: number | undefined;
  for (const [chain, value] of values) {
    if (chain === ALL_CHAINS) all = value;
    else if (!isPseudoChain(chain)) real = (real ?? 0) + value;
  }
  return real ?? all;
}
