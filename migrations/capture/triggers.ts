/** Same steps as in src/events/core/steps.ts; index i of `step_references` belongs to the i-th step. */
export const STEPS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** Tolerance of comparisons with a threshold; a change equal to the threshold counts. */
const TOLERANCE = '1e-9';

export interface Metric {
  metric: 'tvl' | 'price';
  table: string;
  /** Column of the value. */
  value: string;
  /** Key columns; the second is empty for prices. */
  subject: string;
  chainKey: string | undefined;
  /** Columns of the outbox that only this metric has; `values` contains their expressions. */
  columns: string;
  values: string;
}

export const METRICS: readonly Metric[] = [
  {
    metric: 'tvl',
    table: 'protocol_tvl',
    value: 'tvl',
    subject: 'protocol',
    chainKey: 'chain',
    columns: 'protocol, chain',
    values: 'NEW.protocol, NEW.chain',
  },
  {
    metric: 'price',
    table: 'token_prices',
    value: 'price',
    subject: 'token',
    chainKey: undefined,
    columns: 'token, chain, symbol, volume_24h, market_cap',
    values: 'NEW.token, NEW.chain, NEW.symbol, NEW.volume_24h, NEW.market_cap',
  },
];

/**
 * Condition that the value is outside its dead band. It depends on NEW only, so that a changed threshold or a restored
 * reference also publishes.
 */
export const outside = (value: string): string => `
  NEW.${value} <> NEW.published_value
  AND abs(NEW.${value} - NEW.published_value) >= (NEW.min_change_ratio - ${TOLERANCE}) * abs(NEW.published_value)
  AND abs(NEW.${value} - NEW.published_value) >= NEW.min_change_absolute * (1 - ${TOLERANCE})`;

/** Returns an expression for the index of the largest step whose reference the value left; 0: none. */
const largestStepLeft = (value: string): string =>
  [...STEPS.entries()]
    .reverse()
    .map(
      ([index, step]) => `
    WHEN NEW.${value} <> refs[${index + 1}] AND abs(NEW.${value} - refs[${index + 1}]) >= (${step} - ${TOLERANCE}) * abs(refs[${index + 1}])
      THEN ${index + 1}`,
    )
    .join('');

/**
 * First rule for the time of a publishing write: if it equals the stored time, the write counts as observed now, even if the
 * statement named the column.
 */
export const COUNTS_AS_NOW = (value: string): string => `
  -- A write without a time of observation counts as observed now. A changed threshold or a re-inserted row is not a write.
  IF NEW.observed_at = OLD.observed_at AND NEW.${value} <> OLD.${value} THEN
    NEW.observed_at := clock_timestamp();
  END IF;`;

/** Returns the functions that publish a metric. `timeRule`: the rule for the time of a publishing write. */
export const publishFunction = (m: Metric, timeRule: string): string => `
-- BEFORE trigger: marks in the row what it publishes, and the previous value.
CREATE OR REPLACE FUNCTION capture_publish_${m.metric}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  refs double precision[];
  step integer;
BEGIN
  IF NEW.published_value IS NULL THEN
    -- First update of the row: its baseline is its value before this update. The writer's search path is unknown.
    NEW.published_value := OLD.${m.value};
    NEW.step_references := array_fill(OLD.${m.value}, ARRAY[${STEPS.length}]);
    SELECT ratio, absolute INTO NEW.min_change_ratio, NEW.min_change_absolute FROM public.threshold_of('${m.metric}', NEW.${m.subject});
    IF NOT (${outside(m.value)}) THEN
      RETURN NEW;
    END IF;
  END IF;
  refs := NEW.step_references;
  step := CASE ${largestStepLeft(m.value)}
    ELSE 0 END;
  IF step > 0 THEN
    NEW.step_references := array_fill(NEW.${m.value}, ARRAY[step]) || refs[step + 1:];
  END IF;
  NEW.moved := coalesce((ARRAY[${STEPS.join(', ')}])[step], 0);
  NEW.previous_value := NEW.published_value;
  NEW.published_value := NEW.${m.value};
  NEW.publications := NEW.publications + 1;${timeRule}
  RETURN NEW;
END $$;`;

function metricTriggers(m: Metric): string {
  const chain = m.chainKey === undefined ? `''` : `OLD.${m.chainKey}`;
  const keys = [m.subject, ...(m.chainKey === undefined ? [] : [m.chainKey])];
  const sameRow = keys.map((key) => `t.${key} = NEW.${key}`).join(' AND ');
  return `
${publishFunction(m, COUNTS_AS_NOW(m.value))}

-- AFTER trigger: inserts the change into the outbox once the row is written, including changes by other triggers.
CREATE FUNCTION capture_emit_${m.metric}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO change_outbox (type, previous, current, moved, source, confidence, tags, observed_at, ${m.columns})
  VALUES ('${m.metric}_change', NEW.previous_value, NEW.published_value, NEW.moved, NEW.source, NEW.confidence, NEW.tags,
    NEW.observed_at, ${m.values});
  RETURN NULL;
END $$;

-- Plans are cached per session, perhaps from empty tables: 10,000 re-inserted rows took 20 s by sequential scans, 4 s by indexes.
CREATE FUNCTION capture_inserted_${m.metric}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  retired retired_references;
BEGIN
  DELETE FROM retired_references
  WHERE metric = '${m.metric}' AND subject = NEW.${m.subject} AND chain = ${chain.replace('OLD', 'NEW')} RETURNING * INTO retired;
  IF FOUND THEN
    UPDATE ${m.table} t SET published_value = retired.published_value, step_references = retired.step_references,
      (min_change_ratio, min_change_absolute) = (SELECT ratio, absolute FROM threshold_of('${m.metric}', NEW.${m.subject}))
    WHERE ${sameRow};
  ELSE
    INSERT INTO change_outbox (type, current, source, confidence, tags, observed_at, ${m.columns})
    VALUES ('${m.metric}_baseline', NEW.${m.value}, NEW.source, NEW.confidence, NEW.tags, NEW.observed_at, ${m.values});
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION capture_deleted_${m.metric}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO retired_references VALUES ('${m.metric}', OLD.${m.subject}, ${chain}, coalesce(OLD.published_value, OLD.${m.value}),
    coalesce(OLD.step_references, array_fill(OLD.${m.value}, ARRAY[${STEPS.length}])))
  ON CONFLICT (metric, subject, chain) DO UPDATE
    SET published_value = excluded.published_value, step_references = excluded.step_references;
  RETURN NULL;
END $$;

-- Its name makes it the last BEFORE trigger. WHEN avoids calls: a 10,000-row upsert without a publication takes 1.1 times as
-- long as without the trigger.
CREATE TRIGGER zz_capture_publish BEFORE UPDATE ON ${m.table} FOR EACH ROW
  WHEN (NEW.published_value IS NULL OR (${outside(m.value)})) EXECUTE FUNCTION capture_publish_${m.metric}();
CREATE TRIGGER capture_emit AFTER UPDATE ON ${m.table} FOR EACH ROW
  WHEN (NEW.publications IS DISTINCT FROM OLD.publications) EXECUTE FUNCTION capture_emit_${m.metric}();
CREATE TRIGGER capture_inserted AFTER INSERT ON ${m.table} FOR EACH ROW EXECUTE FUNCTION capture_inserted_${m.metric}();
CREATE TRIGGER capture_deleted AFTER DELETE ON ${m.table} FOR EACH ROW EXECUTE FUNCTION capture_deleted_${m.metric}();
${keyGuard(m.table, keys)}`;
}

function keyGuard(table: string, keys: readonly string[]): string {
  const changed = keys.map((key) => `OLD.${key} IS DISTINCT FROM NEW.${key}`).join(' OR ');
  return `
CREATE TRIGGER capture_key BEFORE UPDATE OF ${keys.join(', ')} ON ${table} FOR EACH ROW
  WHEN (${changed}) EXECUTE FUNCTION capture_refuse_key_change();`;
}

const protocolTriggers = `
CREATE FUNCTION capture_touch_protocol() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE FUNCTION capture_emit_protocol() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  before jsonb := CASE TG_OP WHEN 'INSERT' THEN '{"chains": [], "metadata": {}}'::jsonb ELSE to_jsonb(OLD) END;
  after jsonb := to_jsonb(NEW);
  changes jsonb;
  kind text;
BEGIN
  SELECT coalesce(jsonb_agg(jsonb_build_object('field', field, 'previousValue', before -> field, 'currentValue', after -> field)
                            ORDER BY position), '[]')
  INTO changes FROM unnest(ARRAY['name', 'symbol', 'category', 'chains', 'url', 'metadata']) WITH ORDINALITY AS f (field, position)
  WHERE coalesce(before -> field, 'null') <> coalesce(after -> field, 'null');
  kind := CASE
    WHEN TG_OP = 'INSERT' THEN 'listed'
    WHEN before #> '{metadata,status}' IS DISTINCT FROM after #> '{metadata,status}' THEN 'status'
    WHEN before -> 'category' IS DISTINCT FROM after -> 'category' THEN 'category'
    WHEN NOT before -> 'chains' @> (after -> 'chains') THEN 'chain_added'
    WHEN NOT after -> 'chains' @> (before -> 'chains') THEN 'chain_removed'
    ELSE 'metadata' END;
  INSERT INTO change_outbox (type, protocol, symbol, data, observed_at)
  VALUES ('protocol_update', NEW.slug, NEW.symbol, jsonb_build_object('updateType', kind, 'changes', changes),
    CASE WHEN isfinite(NEW.updated_at) AND NEW.updated_at BETWEEN '1970-01-01Z' AND '2999-01-01Z' THEN NEW.updated_at
    ELSE clock_timestamp() END);
  RETURN NULL;
END $$;

CREATE TRIGGER capture_touch BEFORE UPDATE ON protocols FOR EACH ROW
  WHEN (NEW.updated_at = OLD.updated_at AND (NEW.name, NEW.symbol, NEW.category, NEW.chains, NEW.url, NEW.metadata)
    IS DISTINCT FROM (OLD.name, OLD.symbol, OLD.category, OLD.chains, OLD.url, OLD.metadata))
  EXECUTE FUNCTION capture_touch_protocol();
CREATE TRIGGER capture_listed AFTER INSERT ON protocols FOR EACH ROW EXECUTE FUNCTION capture_emit_protocol();
CREATE TRIGGER capture_emit AFTER UPDATE ON protocols FOR EACH ROW
  WHEN ((NEW.name, NEW.symbol, NEW.category, NEW.chains, NEW.url, NEW.metadata)
    IS DISTINCT FROM (OLD.name, OLD.symbol, OLD.category, OLD.chains, OLD.url, OLD.metadata))
  EXECUTE FUNCTION capture_emit_protocol();
${keyGuard('protocols', ['slug'])}`;

/**
 * Triggers for changed thresholds. A change waits until the writers of the table have ended (SHARE ROW EXCLUSIVE) and is
 * then applied to the table's rows. It cannot deadlock with writers, because they never lock a threshold, and it requests
 * the table's lock before it writes the threshold's row. Later statements see the new threshold in the rows.
 */
const thresholdTriggers = `
CREATE FUNCTION capture_lock_metric() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF (CASE TG_OP WHEN 'DELETE' THEN OLD.metric ELSE NEW.metric END) = 'tvl' THEN
    LOCK TABLE protocol_tvl IN SHARE ROW EXCLUSIVE MODE;
  ELSE
    LOCK TABLE token_prices IN SHARE ROW EXCLUSIVE MODE;
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE FUNCTION capture_apply_threshold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  changed change_thresholds := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
${METRICS.map(
  (m) => `
  IF changed.metric = '${m.metric}' THEN
    IF changed.subject = '*' THEN
      UPDATE ${m.table} t SET min_change_ratio = now.ratio, min_change_absolute = now.absolute
      FROM ${m.table} s, LATERAL threshold_of('${m.metric}', s.${m.subject}) now
      WHERE s.ctid = t.ctid AND (t.min_change_ratio, t.min_change_absolute) IS DISTINCT FROM (now.ratio, now.absolute);
    ELSE
      UPDATE ${m.table} t SET min_change_ratio = now.ratio, min_change_absolute = now.absolute
      FROM threshold_of('${m.metric}', changed.subject) now
      WHERE t.${m.subject} = changed.subject
        AND (t.min_change_ratio, t.min_change_absolute) IS DISTINCT FROM (now.ratio, now.absolute);
    END IF;
  END IF;`,
).join('')}
  RETURN NULL;
END $$;

CREATE TRIGGER capture_lock BEFORE INSERT OR UPDATE OR DELETE ON change_thresholds FOR EACH ROW
  EXECUTE FUNCTION capture_lock_metric();
CREATE TRIGGER capture_apply AFTER INSERT OR UPDATE OR DELETE ON change_thresholds FOR EACH ROW
  EXECUTE FUNCTION capture_apply_threshold();
${keyGuard('change_thresholds', ['metric', 'subject'])}`;

export const createTriggers = `
CREATE FUNCTION capture_refuse_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the key columns of % cannot be updated', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'Insert a row with the new key instead.';
END $$;
${METRICS.map(metricTriggers).join('\n')}
${protocolTriggers}
${thresholdTriggers}

CREATE FUNCTION append_events(events jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO change_outbox (type, protocol, chain, token, previous, current, symbol, data, source, confidence, tags,
    observed_at, owner, correlation_id, trace_parent)
  SELECT type, protocol, chain, token, previous, current, symbol, data, coalesce(source, 'unknown'), coalesce(confidence, 1),
    coalesce(tags, '{}'), coalesce(observed_at, clock_timestamp()), owner,
    coalesce(correlation_id, left(nullif(current_setting('rta.correlation_id', true), ''), 128)),
    coalesce(trace_parent, left(nullif(current_setting('rta.trace_parent', true), ''), 64))
  FROM jsonb_to_recordset(events) AS e (type text, protocol text, chain text, token text, previous double precision,
    current double precision, symbol text, data jsonb, source text, confidence real, tags text[], observed_at timestamptz,
    owner text, correlation_id text, trace_parent text)
$$;
COMMENT ON FUNCTION append_events IS 'Puts events that no trigger makes into the outbox, in the order of the array.';
`;
