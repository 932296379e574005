import { chain, column, nullable, type Dataset } from './dataset-fields.js';

const hex = { isHex: true };
const shownList = { ...nullable, isLong: true };

/** Points of accounts in the present, all as of one state. */
export const points: Dataset = {
  name: 'points',
  from: 'account_points r',
  stored: 'positions',
  state: 'SELECT cursor, at_ms, chains FROM points_state',
  key: ['account'],
  defaultSort: [{ field: 'rank', order: 'asc' }],
  fields: {
    account: column('text', 'r.account', hex),
    points: column('decimal', 'r.points'),
    pending: column('decimal', 'r.pending'),
    final: column('decimal', 'r.final'),
    rank: column('number', 'r.rank', { bound: 'bigint' }),
    staked_tokens: column('decimal', 'r.staked_tokens'),
  },
};

/** Stored events of watched contracts, by the time of their block. Retracted ones only if a query asks for their `status`. */
export const onchain: Dataset = {
  name: 'onchain',
  from: 'contract_events r',
  stored: 'chainLogs',
  timeField: 'timestamp',
  counting: { sql: 'r.canonical', unless: 'status' },
  key: ['chain', 'block_number', 'log_index', 'block_hash'],
  defaultSort: [{ field: 'timestamp', order: 'desc' }],
  fields: {
    onchain_id: column('text', 'r.onchain_id', { shownOnly: true }),
    chain: column('text', 'r.chain', chain),
    contract: column('text', 'r.contract', hex),
    kind: column('text', 'r.kind'),
    block_number: column('number', 'r.block_number', { bound: 'bigint' }),
    block_hash: column('text', 'r.block_hash', hex),
    transaction_hash: column('text', 'r.transaction_hash', hex),
    log_index: column('number', 'r.log_index', { bound: 'integer' }),
    timestamp: column('time', 'r."timestamp"'),
    from: column('text', 'r."from"', { ...nullable, ...hex }),
    to: column('text', 'r."to"', { ...nullable, ...hex }),
    staker: column('text', 'r.staker', { ...nullable, ...hex }),
    start_token_id: column('decimal', 'r.start_token_id', nullable),
    quantity: column('decimal', 'r.quantity', nullable),
    token_ids: column('texts', 'r.token_ids', shownList),
    quantities: column('texts', 'r.quantities', shownList),
    status: column('text', 'r.status'),
  },
};
