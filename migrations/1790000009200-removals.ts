import type { MigrationInterface, QueryRunner } from 'typeorm';
import { METRICS, STEPS, type Metric } from './capture/triggers.js';

/**
 * Types of log rows for rows that the owner deletes or truncates, so that every reader stops counting them.
 *
 * A key counts as removed if it does not exist when its transaction ends: the trigger on `retired_references` is deferred,
 * so that a table that is truncated and loaded again in one transaction, or a row that is replaced, publishes only its
 * change. The reference is kept; a key that is inserted again is compared with it, and its value is published again even if
 * it is unchanged.
 */
const REMOVAL_TYPES = `'tvl_removed', 'price_removed', 'protocol_removed'`;
const KNOWN_TYPES = `'tvl_change', 'price_change', 'protocol_update', 'liquidation', 'governance', 'emission',
    'alert', 'points_change', 'chain_reorg', 'onchain_event', 'tick', 'tvl_baseline', 'price_baseline'`;

const typeCheck = (types: string): string => `
ALTER TABLE change_outbox DROP CONSTRAINT change_outbox_type_check;
ALTER TABLE change_outbox ADD CONSTRAINT change_outbox_type_check CHECK (type IN (${types}));`;

/** Views of the log as first created; only the types that they exclude differ. */
const views = (internal: string): string => `
CREATE OR REPLACE VIEW delivered_events WITH (security_barrier) AS
  SELECT seq, epoch, type, protocol, chain, token, previous, current, moved, protocol_tvl, name, category, symbol,
    volume_24h, market_cap, data, source, confidence, tags, observed_at, captured_at, logged_at, correlation_id
  FROM event_log WHERE owner IS NULL AND type NOT IN (${internal});
CREATE OR REPLACE VIEW readable_events AS
  SELECT seq, log_cursor(epoch, seq) AS cursor, type, protocol, chain, token, name, category, symbol, previous, current,
    CASE WHEN previous <> 0 AND NOT (abs(previous) < 1 AND abs(current) > abs(previous) * 1e300)
      THEN (current - previous) / abs(previous) END AS change,
    moved, volume_24h, market_cap, source, confidence, tags, data, observed_at, logged_at
  FROM event_log
  WHERE (owner IS NULL OR owner = nullif(current_setting('rta.owner', true), ''))
    AND type NOT IN (${internal});`;

const keyOf = (m: Metric, row: string): { chain: string; same: string } => ({
  chain: m.chainKey === undefined ? `''` : `${row}.${m.chainKey}`,
  same: [m.subject, ...(m.chainKey === undefined ? [] : [m.chainKey])]
    .map((key) => `t.${key} = ${row}.${key}`)
    .join(' AND '),
});

const inserted = (m: Metric, comesBack: string): string => `
CREATE OR REPLACE FUNCTION capture_inserted_${m.metric}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  retired retired_references;
  published bigint;
BEGIN
  DELETE FROM retired_references
  WHERE metric = '${m.metric}' AND subject = NEW.${m.subject} AND chain = ${keyOf(m, 'NEW').chain} RETURNING * INTO retired;
  IF FOUND THEN
    UPDATE ${m.table} t SET published_value = retired.published_value, step_references = retired.step_references,
      (min_change_ratio, min_change_absolute) = (SELECT ratio, absolute FROM threshold_of('${m.metric}', NEW.${m.subject}))
    WHERE ${keyOf(m, 'NEW').same} RETURNING t.publications INTO published;${comesBack}
  ELSE
    INSERT INTO change_outbox (type, current, source, confidence, tags, observed_at, ${m.columns})
    VALUES ('${m.metric}_baseline', NEW.${m.value}, NEW.source, NEW.confidence, NEW.tags, NEW.observed_at, ${m.values});
  END IF;
  RETURN NULL;
END $$;`;

/**
 * Publishes the value of a re-inserted key again even if it is inside the dead band, because readers have removed the key.
 */
const saysItAgain = (m: Metric): string => `
    IF retired.gone AND published = NEW.publications THEN
      INSERT INTO change_outbox (type, current, source, confidence, tags, observed_at, ${m.columns})
      VALUES ('${m.metric}_baseline', retired.published_value, NEW.source, NEW.confidence, NEW.tags, NEW.observed_at,
        ${m.values});
    END IF;`;

const truncated = (m: Metric): string => `
CREATE FUNCTION capture_truncated_${m.metric}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO retired_references (metric, subject, chain, published_value, step_references)
  SELECT '${m.metric}', t.${m.subject}, ${keyOf(m, 't').chain}, coalesce(t.published_value, t.${m.value}),
    coalesce(t.step_references, array_fill(t.${m.value}, ARRAY[${STEPS.length}]))
  FROM ${m.table} t
  ON CONFLICT (metric, subject, chain) DO UPDATE SET published_value = excluded.published_value,
    step_references = excluded.step_references, gone = false;
  RETURN NULL;
END $$;
CREATE TRIGGER capture_truncated BEFORE TRUNCATE ON ${m.table} FOR EACH STATEMENT
  EXECUTE FUNCTION capture_truncated_${m.metric}();`;

const up = `
${typeCheck(`${KNOWN_TYPES}, ${REMOVAL_TYPES}`)}
${views(`'tick', 'tvl_baseline', 'price_baseline', ${REMOVAL_TYPES}`)}

ALTER TABLE retired_references ADD COLUMN gone boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN retired_references.gone IS 'The log says that the key is gone.';

CREATE FUNCTION capture_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
  UPDATE retired_references SET gone = true
  WHERE metric = NEW.metric AND subject = NEW.subject AND chain = NEW.chain AND NOT gone;
  IF FOUND THEN
    INSERT INTO change_outbox (type, protocol, chain, token)
    VALUES (NEW.metric || '_removed', CASE NEW.metric WHEN 'tvl' THEN NEW.subject END,
      CASE NEW.metric WHEN 'tvl' THEN NEW.chain END, CASE NEW.metric WHEN 'price' THEN NEW.subject END);
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER capture_gone AFTER INSERT OR UPDATE ON retired_references DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NOT NEW.gone) EXECUTE FUNCTION capture_gone();
-- Readers still count rows that were deleted before this migration.
WITH retired AS (UPDATE retired_references SET gone = true RETURNING metric, subject, chain)
INSERT INTO change_outbox (type, protocol, chain, token)
SELECT metric || '_removed', CASE metric WHEN 'tvl' THEN subject END, CASE metric WHEN 'tvl' THEN chain END,
  CASE metric WHEN 'price' THEN subject END FROM retired;

${METRICS.map((m) => inserted(m, saysItAgain(m)) + truncated(m)).join('\n')}

CREATE FUNCTION capture_deleted_protocol() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO change_outbox (type, protocol) SELECT 'protocol_removed', slug FROM protocols;
  ELSE
    INSERT INTO change_outbox (type, protocol) VALUES ('protocol_removed', OLD.slug);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER capture_deleted AFTER DELETE ON protocols FOR EACH ROW EXECUTE FUNCTION capture_deleted_protocol();
CREATE TRIGGER capture_truncated BEFORE TRUNCATE ON protocols FOR EACH STATEMENT EXECUTE FUNCTION capture_deleted_protocol();

-- Rows that were truncated before this migration left no reference.
DELETE FROM published_values v
WHERE v.metric = 'tvl' AND NOT EXISTS (SELECT FROM protocol_tvl t WHERE t.protocol = v.subject AND t.chain = v.chain)
  OR v.metric = 'price' AND NOT EXISTS (SELECT FROM token_prices t WHERE t.token = v.subject);

REVOKE ALL ON FUNCTION capture_gone(), capture_truncated_tvl(), capture_truncated_price(), capture_deleted_protocol()
  FROM PUBLIC;
GRANT DELETE ON published_values TO rta_app;
`;

/** Changes log rows of types that the previous version does not have to ticks: the log's numbers must have no gaps. */
const forgetRemovals = (table: string): string => `
UPDATE ${table} SET type = 'tick', protocol = NULL, chain = NULL, token = NULL
WHERE type IN (${REMOVAL_TYPES});`;

const down = `
REVOKE DELETE ON published_values FROM rta_app;
DROP TRIGGER capture_gone ON retired_references;
${METRICS.map((m) => `DROP TRIGGER capture_truncated ON ${m.table};${inserted(m, '')}`).join('\n')}
DROP TRIGGER capture_deleted ON protocols;
DROP TRIGGER capture_truncated ON protocols;
DROP FUNCTION capture_gone(), capture_truncated_tvl(), capture_truncated_price(), capture_deleted_protocol();
ALTER TABLE retired_references DROP COLUMN gone;
${forgetRemovals('event_log')}
${forgetRemovals('change_outbox')}
${views(`'tick', 'tvl_baseline', 'price_baseline'`)}
${typeCheck(KNOWN_TYPES)}
`;

export class Removals1790000009200 implements MigrationInterface {
  readonly name = 'Removals1790000009200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
