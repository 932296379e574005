import { money } from '../format.js';

/** Names of metrics, as they begin a sentence. */
export const METRICS = {
  tvl: 'TVL',
  price: 'Price',
  volume_24h: 'Volume in 24 h',
  market_cap: 'Market cap',
  change_1h: 'Change in 1 h',
  change_24h: 'Change in 24 h',
  change_7d: 'Change in 7 d',
  points: 'Points',
  staked_tokens: 'Staked tokens',
  event: 'Event',
};

export const OPERATORS = {
  lt: 'is below',
  lte: 'is at most',
  gt: 'is above',
  gte: 'is at least',
  eq: 'equals',
  ne: 'differs from',
  change_pct: 'moves by',
};

/** Metrics about tokens; `tvl` is about protocols. */
const TOKEN_METRICS = new Set(['price', 'volume_24h', 'market_cap']);
/** Metrics about accounts. */
const ACCOUNT_METRICS = new Set(['points', 'staked_tokens']);

/** Returns the member of a condition that names its subject. */
export const subjectField = (metric) =>
  ACCOUNT_METRICS.has(metric) ? 'account' : TOKEN_METRICS.has(metric) ? 'token' : 'protocol';

const isRelative = ({ metric, operator }) => operator === 'change_pct' || metric.startsWith('change_');

/** Writes a condition as a sentence: `TVL of aave-v3 is below $33.00B`. */
export function sentenceOf(condition) {
  const { metric, operator, threshold, protocol, token, account, chain, absent, eventType, timeWindow } = condition;
  if (metric === 'event') return `Event ${eventType ?? ''}`;
  const field = subjectField(metric);
  const subject = protocol ?? token ?? account ?? `any ${field === 'protocol' ? 'protocol or token' : field}`;
  const place = chain ? ` on ${chain}` : '';
  const name = `${METRICS[metric] ?? metric} of ${subject}${place}`;
  if (absent) return `${name} is silent for ${absent.minutes} min`;
  const size = typeof threshold === 'number' ? amount(condition, threshold) : String(threshold);
  const span = timeWindow ? ` in ${timeWindow} s` : '';
  return `${name} ${OPERATORS[operator] ?? operator} ${size}${span}`;
}

function amount(condition, threshold) {
  if (isRelative(condition)) return `${+(threshold * 100).toFixed(4)} %`;
  return ACCOUNT_METRICS.has(condition.metric) ? String(threshold) : money(threshold);
}

/** Writes a rule's conditions as one sentence. */
export function rulesSentence({ conditions, where }) {
  return where ? 'Expression' : conditions.map(sentenceOf).join(' and ');
}
