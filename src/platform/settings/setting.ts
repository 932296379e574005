import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { errorCode } from '../errors/error-code.js';

/** Setting: its parser, default and documentation. */
export interface Setting<T> {
  /** Parses the text of the variable; throws an Error whose message begins with "expected". */
  parse: (text: string) => T;
  fallback: T;
  /** Unit or type of the text: `port`, `hours`, `URL`, … */
  unit: string;
  /** Description: the effect of the setting, and the meaning of an empty or zero value. */
  doc: string;
  /** Default as the documentation shows it, if it differs from `fallback`. */
  shown?: string;
  /** Whether the value is secret: it never appears in output, not even in the message that refuses it. */
  secret?: boolean;
}

type Documented = Omit<Setting<unknown>, 'parse' | 'fallback'>;

export function required<T>(parse: (text: string) => T, fallback: T, documented: Documented): Setting<T> {
  return { parse, fallback, ...documented };
}

export function optional<T>(parse: (text: string) => T, documented: Documented): Setting<T | undefined> {
  return { parse, fallback: undefined, shown: 'unset', ...documented };
}

export function text(input: string): string {
  return input;
}

export function flag(input: string): boolean {
  const value = input.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(value)) return true;
  if (['false', '0', 'no', 'off'].includes(value)) return false;
  throw new Error('expected true or false');
}

/** Parses a finite decimal number within the bounds, both included. */
export function number(min: number, max = Number.MAX_SAFE_INTEGER): (input: string) => number {
  return (input) => {
    const value = /^\d+(\.\d+)?$/.test(input) ? Number(input) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`expected a number ${range(min, max)}`);
    return value;
  };
}

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (input: string) => number {
  return (input) => {
    const value = /^\d+$/.test(input) ? Number(input) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`expected a whole number ${range(min, max)}`);
    return value;
  };
}

function range(min: number, max: number): string {
  return max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
}

export function oneOf<const T extends string>(...allowed: readonly T[]): (input: string) => T {
  return (input) => {
    const found = allowed.find((value) => value === input);
    if (found === undefined) throw new Error(`expected one of ${allowed.join(', ')}`);
    return found;
  };
}

/** Parses comma-separated values; spaces around a value are ignored. */
export function list<T>(item: (input: string) => T): (input: string) => readonly T[] {
  return (input) => input.split(',').map((part) => item(part.trim()));
}

export function url(...protocols: readonly string[]): (input: string) => string {
  return (input) => {
    const expected = `expected a URL that starts with ${protocols.map((p) => `${p}://`).join(' or ')}`;
    if (!URL.canParse(input)) throw new Error(expected);
    if (!protocols.includes(new URL(input).protocol.slice(0, -1))) throw new Error(expected);
    return input;
  };
}

/** Parses the URL that people open in a browser. Paths are appended to it, so it must have no query or fragment. */
export function siteUrl(input: string): string {
  const parsed = new URL(url('http', 'https')(input));
  if (parsed.search === '' && parsed.hash === '' && parsed.username === '' && parsed.password === '') return input;
  throw new Error('expected a URL such as https://rta.example.com, without user, ? and #');
}

/**
 * Parses an origin. It must be written exactly as browsers send it, because it is compared as text. `*` allows any origin.
 */
export function origin(input: string): string {
  const isOrigin = /^[a-z][a-z\d+.-]*:\/\/[a-z\d.:[\]_-]+$/.test(input) && URL.canParse(input);
  if (input === '*' || input === 'null' || (isOrigin && asSent(new URL(input)) === input)) return input;
  throw new Error('expected * or origins such as https://app.example.com, in lower case, without a path or usual port');
}

/**
 * Returns an origin as browsers send it; for schemes of mobile and desktop apps, for which URL reports no origin, scheme and
 * host.
 */
function asSent({ origin: sent, protocol, host }: URL): string {
  return sent === 'null' ? `${protocol}//${host}` : sent;
}

/** Parses a host name or an IP address, without port. */
export function host(input: string): string {
  if (isIP(input) !== 0 || /^[A-Za-z\d]([\w.-]{0,251}[\w.])?$/.test(input)) return input;
  throw new Error('expected a host name or an IP address, without port');
}

/** Parses the path of a file, which must be readable at the start. */
export function file(input: string): string {
  try {
    readFileSync(input);
    return input;
  } catch (cause) {
    const code = errorCode(cause) || String(cause);
    throw new Error(`expected a file that can be read (${code})`, { cause });
  }
}

export function pattern(form: RegExp, expected: string): (input: string) => string {
  return (input) => {
    if (!form.test(input)) throw new Error(`expected ${expected}`);
    return input;
  };
}

/** Parses an address block in CIDR form, e.g. `10.0.0.0/8`; an address without a prefix length is a block of one address. */
export function addressBlock(input: string): string {
  const [address = '', bits = '0', ...rest] = input.split('/');
  const longest = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > longest) {
    throw new Error('expected address blocks such as 10.0.0.0/8');
  }
  return input;
}

/** Number per tier; a tier that is not named keeps its default. */
interface PerTier {
  readonly free: number;
  readonly pro: number;
  readonly enterprise: number;
}

export function perTier<T extends PerTier>(defaults: T, doc: string): Setting<T> {
  // `none` is also accepted by limits that do not apply to callers without a key, so that all limits have the same format.
  const names = [...new Set(['none', ...Object.keys(defaults)])];
  return {
    parse: (input) => ({ ...defaults, ...tierNumbers(input, names) }),
    fallback: defaults,
    unit: 'per tier',
    shown: Object.entries(defaults)
      .map(([name, number]) => `${name}=${number}`)
      .join(),
    doc,
  };
}

function tierNumbers(input: string, names: readonly string[]): Record<string, number> {
  const seen = new Set<string>();
  const entries = input.split(',').map((part): [string, number] => {
    const [, name = '', number] = /^\s*([a-z]+)\s*=\s*(\d{1,9})\s*$/.exec(part) ?? [];
    if (!names.includes(name)) {
      throw new Error(`expected pairs such as free=5,pro=50 for ${names.join(', ')} (0: no limit)`);
    }
    if (seen.has(name)) throw new Error(`expected each tier once; ${name} appears twice`);
    seen.add(name);
    return [name, Number(number)];
  });
  return Object.fromEntries(entries);
}

/** Names of the claims that carry the user, tier and role of a signed token. */
export interface JwtClaims {
  readonly userId: string;
  readonly tier: string;
  readonly role: string;
}

export function jwtClaims(input: string): JwtClaims {
  const [userId, tier, role, ...more] = list(pattern(/^[\w:./-]{1,200}$/, 'names of claims'))(input);
  if (userId === undefined || tier === undefined || role === undefined || more.length > 0) {
    throw new Error('expected the names of three claims for user, tier and role, such as userId,tier,role');
  }
  if (new Set([userId, tier, role]).size < 3) throw new Error('expected the names of three different claims');
  return { userId, tier, role };
}

/** Parses a secret of at least `minLength` characters. */
export function secretText(minLength: number): (input: string) => string {
  return (input) => {
    if (input.length < minLength) throw new Error(`expected at least ${minLength} characters`);
    return input;
  };
}
