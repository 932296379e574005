/** Example queries: each shows another feature of the language. */
export const QUESTIONS = {
  chains: {
    aggregations: [
      { field: 'tvl', operation: 'sum', group_by: 'chain', as: 'tvl' },
      { field: 'protocol', operation: 'count_distinct', group_by: 'chain', as: 'protocols' },
    ],
    // Excludes protocols of which a source knows only the total.
    having: { field: 'chain', op: 'ne', value: 'all' },
    limit: 200,
  },
  hours: {
    filters: { chains: ['ethereum', 'bitcoin', 'solana', 'tron', 'arbitrum'] },
    time: { from: 'now-24h', bucket: '1h', fill: 'previous' },
    aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
    sort: [
      { field: 'time', order: 'desc' },
      { field: 'tvl', order: 'desc' },
    ],
    limit: 200,
  },
  protocols: { dataset: 'protocols', sort: { field: 'tvl', order: 'desc' }, limit: 50 },
  prices: { dataset: 'prices', sort: { field: 'price', order: 'desc' }, limit: 50 },
  moves: {
    dataset: 'events',
    where: {
      and: [
        { field: 'event_type', op: 'eq', value: 'tvl_change' },
        { field: 'moved', op: 'gte', value: 0.02 },
      ],
    },
    time: { from: 'now-1h' },
    sort: { field: 'logged_at', order: 'desc' },
    limit: 50,
  },
};

const WIDTH = 40;

/** Formats JSON for people: short objects on one line, and several list items per line. */
export function written(value, indent = '') {
  const flat = spaced(value);
  const isNested = typeof value === 'object' && value !== null;
  if (!isNested || (indent !== '' && indent.length + flat.length <= WIDTH - 10)) return flat;
  const deeper = `${indent}  `;
  if (!Array.isArray(value)) {
    const members = Object.entries(value).map(([name, member]) => `${deeper}"${name}": ${written(member, deeper)}`);
    return `{\n${members.join(',\n')}\n${indent}}`;
  }
  const lines = [];
  for (const item of value.map((one) => written(one, deeper))) {
    const last = lines.at(-1);
    if (last && !/[{[]/.test(item) && deeper.length + last.length + item.length < WIDTH)
      lines.push(`${lines.pop()}, ${item}`);
    else lines.push(item);
  }
  return `[\n${deeper}${lines.join(`,\n${deeper}`)}\n${indent}]`;
}

function spaced(value) {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}: ${spaced(member)}`)
    .join(', ')} }`;
}

/** Returns the same query as a shell command. The key is omitted, because copied text may be pasted into chats. */
export function asCurl(query, accept) {
  const quoted = JSON.stringify(query).replaceAll("'", String.raw`'\''`);
  return [
    `curl ${location.origin}/v1/query/advanced`,
    '-H "Authorization: Bearer $API_KEY"',
    "-H 'Content-Type: application/json'",
    ...(accept ? [`-H 'Accept: ${accept}'`] : []),
    `-d '${quoted}'`,
  ].join(' \\\n  ');
}
