import { field } from '../kit/form.js';

/** Parameters of a stream that are no filters: the position, the key, and how much is sent. */
const OTHERS = new Set(['since', 'lastEventId', 'snapshot', 'all', 'apiKey', 'mode', 'intervalMs']);
const DEFAULTS = { channels: 'events:tvl,events:prices' };

/**
 * Reads the filters of the API's own description and makes a field for each: `{ name, node, form }`, where `form` is
 * `list`, `number` or `choice`.
 */
export async function filterFields(signal) {
  const answer = await fetch('/openapi.json', { signal });
  if (!answer.ok) throw new Error(`The description of the API is not available: the server answered ${answer.status}`);
  const { parameters } = (await answer.json()).paths['/v1/stream'].get;
  return parameters
    .filter(({ name }) => !OTHERS.has(name))
    .toReversed()
    .map(({ name, description = '', schema, example }) => {
      const form = schema.enum ? 'choice' : schema.type === 'number' ? 'number' : 'list';
      const options = schema.enum && [['', 'default'], ...schema.enum.map((value) => [value, value])];
      const node = field({
        label: name,
        type: form === 'choice' ? 'select' : 'text',
        options,
        hint: description,
        placeholder: example ?? DEFAULTS[name],
        ...(form === 'number' ? { inputmode: 'decimal' } : {}),
      });
      return { name, node, form };
    });
}

/** Returns what a subscription asks for: `channels`, and the filters as the API's JSON has them. */
export function requestOf(fields, given) {
  const values = { ...DEFAULTS, ...given };
  const list = (text) =>
    text
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean);
  const filters = fields
    .filter(({ name }) => name !== 'channels' && values[name] !== undefined)
    .map(({ name, form }) => {
      const value = values[name];
      return [name, form === 'list' ? list(value) : form === 'number' ? Number(value) : value];
    });
  return { channels: list(values.channels), filters: Object.fromEntries(filters) };
}

/** Query of `GET /v1/stream` with the same request. */
export const streamQuery = (given) => new URLSearchParams({ ...DEFAULTS, ...given });
