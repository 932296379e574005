import { EVENT_TYPE_NAMES, EVENT_TYPES } from '../../events/index.js';
import { FIELDS, FIELDS_BY_PLACE, spellingOf, type Dialect, type FilterField } from '../core/filter/fields.js';
import { choice, list, text } from './schema.js';
import type { Properties, Schema } from './schema.js';

/** Returns the schema of a list of names that clients send. */
export const names = (description: string): Schema =>
  list({ type: 'string', minLength: 1, maxLength: 160 }, { description, minItems: 1, maxItems: 500 });

/** Members of a filter on plain WebSocket, as clients send them. */
export const WEB_SOCKET_FILTERS: Properties = Object.fromEntries(
  FIELDS_BY_PLACE.map((field) => [spellingOf(field, 'webSocket'), sentSchema(field)]),
);

/** Members of a filter on Socket.IO, as clients send them: a list, or one value. */
export const SOCKET_IO_FILTERS: Properties = Object.fromEntries(
  FIELDS.flatMap((field): [string, Schema][] => [
    ...(field.one === undefined
      ? []
      : ([[field.one, text(field.docs.one?.message ?? '')]] satisfies [string, Schema][])),
    [field.name, sentSchema(field)],
  ]),
);

/** Filter in the example of a plain WebSocket `subscribe`. */
export const EXAMPLE_FILTERS = Object.fromEntries(
  FIELDS_BY_PLACE.filter(({ docs }) => docs.sample !== undefined).map((field) => [
    spellingOf(field, 'webSocket'),
    field.docs.sample,
  ]),
);

/** Returns the members of a filter in answers. */
export function answeredFilters(dialect: Dialect): Properties {
  return Object.fromEntries(FIELDS_BY_PLACE.map((field) => [spellingOf(field, dialect), answeredSchema(field)]));
}

function sentSchema({ form, max, choices = [], docs: { message = '' } }: FilterField): Schema {
  if (form === 'choice') return { ...choice(choices), description: message };
  if (form === 'names') return names(message);
  if (form === 'types') return list(choice([...EVENT_TYPE_NAMES.keys()]), { minItems: 1 });
  return { type: 'number', description: message, minimum: 0, ...(max === undefined ? {} : { maximum: max }) };
}

function answeredSchema({ form, choices = [], docs }: FilterField): Schema {
  if (form === 'choice') return choice(choices);
  if (form === 'names') return list({ type: 'string' });
  if (form === 'types') return list(choice(EVENT_TYPES));
  return { type: 'number', ...docs.answer };
}
