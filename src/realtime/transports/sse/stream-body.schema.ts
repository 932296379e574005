import { FIELDS_BY_PLACE, type FilterField } from '../../core/filter/fields.js';

const list = (description: string) => ({ type: 'array', items: { type: 'string' }, maxItems: 5_000, description });
const number = (description: string) => ({ type: 'number', minimum: 0, description });

function schemaOf({ form, choices, docs }: FilterField): object {
  const description = `${docs.stream}.`;
  if (form === 'choice') return { type: 'string', enum: choices, description };
  return (form === 'number' ? number : list)(description);
}

/** Body of `POST /v1/stream`, as OpenAPI shows it. */
export const STREAM_BODY_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    channels: list('Channel names; default: the channels that the filters concern.'),
    ...Object.fromEntries(FIELDS_BY_PLACE.map((field) => [field.name, schemaOf(field)])),
    since: { type: 'string', description: 'Cursor after which to continue; Last-Event-ID takes precedence.' },
    snapshot: { type: 'boolean', description: 'Whether the matching published values are sent first.' },
    all: { type: 'boolean', description: 'Whether rows of all users are included; requires role `admin`.' },
    mode: { type: 'string', enum: ['all', 'latest'] },
    intervalMs: {
      type: 'integer',
      minimum: 100,
      maximum: 60_000,
      description:
        'In mode `latest`, time between two sends of the newest event of each key; with `query`, minimum time between two ' +
        'changes. In ms.',
    },
    query: { type: 'object', description: 'A live query, instead of channels and filters.' },
  },
};
