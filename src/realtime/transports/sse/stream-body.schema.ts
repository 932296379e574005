const list = (description: string) => ({ type: 'array', items: { type: 'string' }, maxItems: 5_000, description });
const number = (description: string) => ({ type: 'number', minimum: 0, description });

/** Body of `POST /v1/stream`, as OpenAPI shows it. */
export const STREAM_BODY_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    channels: list('Channel names; without them those that the filters concern.'),
    protocols: list('Protocol slugs.'),
    tokens: list('Token ids.'),
    chains: list('Chains.'),
    eventTypes: list('Event types.'),
    threshold: number('Smallest move, a fraction: 0.05 is 5 %.'),
    minValue: number('US dollars.'),
    maxValue: number('US dollars.'),
    since: { type: 'string', description: 'Cursor to continue after; Last-Event-ID takes precedence.' },
    snapshot: { type: 'boolean', description: 'Whether the matching published values are sent first.' },
    all: { type: 'boolean', description: 'Rows of every owner; for admins.' },
    mode: { type: 'string', enum: ['all', 'latest'] },
    intervalMs: { type: 'number', minimum: 100, maximum: 60_000, description: 'Interval of mode latest, ms.' },
    query: { type: 'object', description: 'A live query, instead of channels and filters.' },
  },
};
