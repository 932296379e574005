import { isPlainText, shown } from '../../platform/input/text.js';
import { readTime } from '../../platform/input/time.js';
import { nameFault, normaliseName, type NameKind } from '../core/names.js';

/** Fault of one item; `code` is stable, `detail` states the valid format. */
export interface ItemFault {
  code: string;
  detail: string;
}

/** Fault that the functions below throw; it becomes one rejection, never an HTTP error. */
export class BadItem extends Error implements ItemFault {
  /** Creates the fault of a field; without `field`, of the whole item. */
  constructor(
    readonly code: string,
    readonly detail: string,
    readonly field?: string,
  ) {
    super(detail);
  }
}

/** Returns the fault of one field; the detail begins with the field's name. */
export function badField(code: string, field: string, fault: string): BadItem {
  return new BadItem(code, `${field} ${fault}`, field);
}

export type Item = Readonly<Record<string, unknown>>;

/** Maximum time by which an observation may be ahead of this server's clock, ms. */
const MAX_FUTURE_MS = 300_000;
const MAX_TAGS = 32;
const MAX_TAG_LENGTH = 64;
const MAX_SOURCE_LENGTH = 128;
const MAX_NAME_LENGTH = 128;

/** Returns the item as an object; throws if it is not an object or has unknown fields. */
export function itemOf(value: unknown, fields: ReadonlySet<string>): Item {
  if (value instanceof BadItem) throw value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadItem('invalid_type', 'an item must be a JSON object');
  }
  for (const field of Object.keys(value)) {
    if (!fields.has(field)) {
      const known = [...fields].join(', ');
      throw new BadItem('unknown_field', `unknown field ${shown(field)}; allowed: ${known}`);
    }
  }
  return value as Item;
}

/** Returns a string without control characters; undefined if it is absent or null. */
export function text(item: Item, field: string, longest: number): string | undefined {
  const value = item[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw badField('invalid_type', field, 'must be a string');
  if (value.length > longest) throw badField('too_long', field, `must have at most ${longest} characters`);
  if (!isPlainText(value, longest)) {
    throw badField('invalid_format', field, 'must not contain control characters or broken Unicode');
  }
  return value;
}

/** Returns the canonical spelling of a name; undefined if it is absent or null. */
export function optionalName(item: Item, field: string, kind: NameKind): string | undefined {
  const value = text(item, field, MAX_NAME_LENGTH);
  if (value === undefined) return undefined;
  const fault = nameFault(kind, value);
  if (fault !== undefined) throw badField('invalid_format', field, fault);
  return normaliseName(kind, value);
}

export function requiredName(item: Item, field: string, kind: NameKind): string {
  const name = optionalName(item, field, kind);
  if (name === undefined) throw badField('required', field, 'is required');
  return name;
}

/** Returns an amount in US dollars, which must be finite, not negative and in the range that the database stores. */
export function amount(item: Item, ...names: readonly string[]): number | undefined {
  const field = names.find((name) => item[name] !== undefined && item[name] !== null);
  if (field === undefined) return undefined;
  const value = item[field];
  if (typeof value !== 'number') throw badField('invalid_type', field, 'must be a number');
  if (value === 0) return 0;
  if (!(value >= 1e-300 && value <= 1e300)) {
    throw badField('out_of_range', field, 'must be 0 or between 1e-300 and 1e300');
  }
  return value;
}

export function requiredAmount(item: Item, field: string): number {
  const value = amount(item, field);
  if (value === undefined) throw badField('required', field, 'is required');
  return value;
}

/** Common fields of observations. */
interface Observation {
  source: string;
  confidence: number;
  tags: readonly string[];
  observedAt: number;
  /** Whether the item has no time; `observedAt` is then the current time. */
  observedNow: boolean;
}

export const OBSERVATION_FIELDS = ['source', 'confidence', 'tags', 'observedAt', 'observed_at'] as const;

export function observation(item: Item, now: number, source: string): Observation {
  const given = item['observedAt'] ?? item['observed_at'];
  return {
    source: text(item, 'source', MAX_SOURCE_LENGTH) ?? source,
    confidence: confidence(item['confidence']),
    tags: tags(item['tags']),
    observedAt: observedAt(given, now),
    observedNow: given === undefined || given === null,
  };
}

function confidence(value: unknown): number {
  if (value === undefined || value === null) return 1;
  if (typeof value !== 'number') throw badField('invalid_type', 'confidence', 'must be a number');
  if (!(value >= 0 && value <= 1)) throw badField('out_of_range', 'confidence', 'must be between 0 and 1');
  return value;
}

function tags(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAX_TAGS) {
    throw badField('invalid_type', 'tags', `must be a list of at most ${MAX_TAGS} strings`);
  }
  return value.map((tag: unknown) => {
    const name = text({ tags: tag }, 'tags', MAX_TAG_LENGTH);
    if (name === undefined || name === '') throw badField('invalid_format', 'tags', 'must not be empty');
    return name;
  });
}

function observedAt(value: unknown, now: number): number {
  if (value === undefined || value === null) return now;
  const reading = readTime(value, now, { numbers: true });
  if ('fault' in reading) throw badField('invalid_format', 'observedAt', reading.fault);
  const { at } = reading;
  if (at > now + MAX_FUTURE_MS) {
    throw badField(
      'in_future',
      'observedAt',
      `is more than ${MAX_FUTURE_MS / 60_000} minutes ahead of the server's clock`,
    );
  }
  return at;
}
