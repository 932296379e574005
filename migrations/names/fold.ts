/** Aliases as in src/events/core/chains.ts; a test compares both. */
const CHAIN_ALIASES = {
  eth: 'ethereum',
  binance: 'bsc',
  'binance-smart-chain': 'bsc',
  bnb: 'bsc',
  'bnb-chain': 'bsc',
  'bnb-smart-chain': 'bsc',
  sol: 'solana',
  trx: 'tron',
  btc: 'bitcoin',
  hyperliquid: 'hyperliquid-l1',
  'arbitrum-one': 'arbitrum',
  arb: 'arbitrum',
  matic: 'polygon',
  'polygon-pos': 'polygon',
  avax: 'avalanche',
  'avalanche-c-chain': 'avalanche',
  'op-mainnet': 'optimism',
  op: 'optimism',
  'optimistic-ethereum': 'optimism',
  'near-protocol': 'near',
  rsk: 'rootstock',
  xlayer: 'x-layer',
  xdai: 'gnosis',
  'gnosis-chain': 'gnosis',
  'the-open-network': 'ton',
  'hedera-hashgraph': 'hedera',
  ripple: 'xrpl',
  'xrp-ledger': 'xrpl',
  wc: 'world-chain',
  worldchain: 'world-chain',
  era: 'zksync-era',
  zksync: 'zksync-era',
  klaytn: 'kaia',
  ftm: 'fantom',
  'harmony-shard-0': 'harmony',
  arbitrum_nova: 'arbitrum-nova',
  polygon_zkevm: 'polygon-zkevm',
  opbnb: 'op-bnb',
  op_bnb: 'op-bnb',
} as const;

const ALIASES = `'${JSON.stringify(CHAIN_ALIASES)}'::jsonb`;

/** Returns the function that converts tokens, as it was before Move types kept their case. */
export function tokenFolding(create: 'CREATE' | 'CREATE OR REPLACE'): string {
  return `${create} FUNCTION canonical_token(token text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN strpos(token, ':') = 0 THEN lower(token)
    WHEN lower(token) LIKE 'coingecko:%' THEN lower(substr(token, 11))
    ELSE canonical_chain(lower(split_part(token, ':', 1))) || CASE
      WHEN lower(substr(token, strpos(token, ':') + 1, 2)) = '0x' THEN lower(substr(token, strpos(token, ':')))
      ELSE substr(token, strpos(token, ':')) END END
$$;
COMMENT ON FUNCTION canonical_token IS 'The one spelling of a token: ids and 0x addresses in lower case, other addresses as they are.';
`;
}

/** SQL equivalents, for SQL writers, of the functions in src/events/core/names.ts. */
export const createFolding = `
CREATE FUNCTION canonical_chain(chain text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN ${ALIASES} ? chain THEN ${ALIASES} ->> chain
    WHEN strpos(chain, '-') > 1 AND NOT is_real_chain(chain)
      THEN coalesce(${ALIASES} ->> left(chain, -strpos(reverse(chain), '-')), left(chain, -strpos(reverse(chain), '-')))
        || right(chain, strpos(reverse(chain), '-'))
    ELSE chain END
$$;
COMMENT ON FUNCTION canonical_chain IS 'The one spelling of a chain that is in lower case: binance is bsc, binance-borrowed bsc-borrowed.';

${tokenFolding('CREATE')}
CREATE FUNCTION chain_of_token(token text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN strpos(token, ':') > 1 THEN split_part(token, ':', 1) END
$$;

CREATE FUNCTION canonical_chains(chains text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(name ORDER BY place), '{}') FROM (
    SELECT canonical_chain(chain) AS name, min(position) AS place
    FROM unnest(chains) WITH ORDINALITY AS given (chain, position) GROUP BY 1) AS named
$$;

REVOKE ALL ON FUNCTION canonical_chain(text), canonical_token(text), chain_of_token(text), canonical_chains(text[])
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION canonical_chain(text), canonical_token(text), chain_of_token(text), canonical_chains(text[])
  TO rta_writer, rta_reader, rta_app;
`;

/** Triggers that convert the names of a row before anything else uses them, including the search for an existing key. */
export const createFoldingTriggers = `
CREATE FUNCTION capture_fold_tvl() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.protocol := lower(NEW.protocol);
  NEW.chain := public.canonical_chain(NEW.chain);
  RETURN NEW;
END $$;
CREATE TRIGGER capture_fold BEFORE INSERT ON protocol_tvl FOR EACH ROW
  WHEN (NEW.protocol <> lower(NEW.protocol) OR ${ALIASES} ? NEW.chain
    OR strpos(NEW.chain, '-') > 1 AND NOT is_real_chain(NEW.chain))
  EXECUTE FUNCTION capture_fold_tvl();

CREATE FUNCTION capture_fold_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.token := public.canonical_token(NEW.token);
  NEW.chain := coalesce(public.canonical_chain(NEW.chain), public.chain_of_token(NEW.token));
  RETURN NEW;
END $$;
CREATE TRIGGER capture_fold BEFORE INSERT OR UPDATE OF chain ON token_prices FOR EACH ROW
  WHEN (strpos(NEW.token, ':') > 0 AND (NEW.chain IS NULL OR ${ALIASES} ? split_part(NEW.token, ':', 1)
    OR NEW.token LIKE 'coingecko:%') OR ${ALIASES} ? NEW.chain)
  EXECUTE FUNCTION capture_fold_price();

CREATE FUNCTION capture_fold_protocol() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.slug := lower(NEW.slug);
  NEW.chains := public.canonical_chains(NEW.chains);
  RETURN NEW;
END $$;
CREATE TRIGGER capture_fold BEFORE INSERT OR UPDATE OF chains ON protocols FOR EACH ROW
  WHEN (NEW.slug <> lower(NEW.slug) OR ${ALIASES} ?| NEW.chains)
  EXECUTE FUNCTION capture_fold_protocol();

CREATE FUNCTION capture_fold_threshold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.subject := CASE NEW.metric WHEN 'tvl' THEN lower(NEW.subject) ELSE public.canonical_token(NEW.subject) END;
  RETURN NEW;
END $$;
CREATE TRIGGER capture_fold BEFORE INSERT ON change_thresholds FOR EACH ROW EXECUTE FUNCTION capture_fold_threshold();
REVOKE ALL ON FUNCTION capture_fold_tvl(), capture_fold_price(), capture_fold_protocol(), capture_fold_threshold() FROM PUBLIC;
`;

export const dropFolding = `
DROP TRIGGER capture_fold ON protocol_tvl;
DROP TRIGGER capture_fold ON token_prices;
DROP TRIGGER capture_fold ON protocols;
DROP TRIGGER capture_fold ON change_thresholds;
DROP FUNCTION capture_fold_tvl(), capture_fold_price(), capture_fold_protocol(), capture_fold_threshold(),
  canonical_chains(text[]), chain_of_token(text), canonical_token(text), canonical_chain(text);
`;
