import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Limits for SQL writers that the API has always had: metadata has at most 16 levels, lists of tags and chains are not
 * nested, and times of protocols are in the range of all other times.
 *
 * The levels are checked by the trigger that publishes a change of a protocol, not by a constraint: rows with deeper
 * metadata exist, and their other columns can still be updated. Neither limit costs anything in `protocol_tvl` and
 * `token_prices`, except for rows with tags.
 */
const MAX_LEVELS = 16;
/** Same as in src/platform/database/bounded-json.ts. */
const OMITTED = `'{"omitted": "too_deep"}'::jsonb`;

/** `** {n}` selects the values on level n + 1 and descends no further. */
const hasFewLevels = `
CREATE FUNCTION has_few_levels(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT NOT jsonb_path_exists(value, 'strict $.**{${MAX_LEVELS}}')
$$;
COMMENT ON FUNCTION has_few_levels IS 'Whether metadata may be stored: it has at most ${MAX_LEVELS} levels, like objects sent through the API.';
REVOKE ALL ON FUNCTION has_few_levels(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION has_few_levels(jsonb) TO rta_app, rta_writer, rta_reader;`;

const REFUSAL = `
  IF NOT has_few_levels(NEW.metadata) AND (TG_OP = 'INSERT' OR NEW.metadata <> OLD.metadata) THEN
    RAISE EXCEPTION 'metadata of the protocol % must be nested at most ${MAX_LEVELS} levels', NEW.slug
      USING ERRCODE = 'check_violation', TABLE = 'protocols', COLUMN = 'metadata';
  END IF;`;

/** Stands for metadata that was stored before this migration, as the previous value of a change. */
const PLACEHOLDER = `
  IF TG_OP = 'UPDATE' AND NEW.metadata <> OLD.metadata AND NOT has_few_levels(OLD.metadata) THEN
    before := jsonb_set(before, '{metadata}', ${OMITTED});
  END IF;`;

const emitProtocol = (refusal: string, placeholder: string): string => `
CREATE OR REPLACE FUNCTION capture_emit_protocol() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  before jsonb := CASE TG_OP WHEN 'INSERT' THEN '{"chains": [], "metadata": {}}'::jsonb ELSE to_jsonb(OLD) END;
  after jsonb := to_jsonb(NEW);
  changes jsonb;
  kind text;
BEGIN${refusal}
  kind := CASE
    WHEN TG_OP = 'INSERT' THEN 'listed'
    WHEN before #> '{metadata,status}' IS DISTINCT FROM after #> '{metadata,status}' THEN 'status'
    WHEN before -> 'category' IS DISTINCT FROM after -> 'category' THEN 'category'
    WHEN NOT before -> 'chains' @> (after -> 'chains') THEN 'chain_added'
    WHEN NOT after -> 'chains' @> (before -> 'chains') THEN 'chain_removed'
    ELSE 'metadata' END;${placeholder}
  SELECT coalesce(jsonb_agg(jsonb_build_object('field', field, 'previousValue', before -> field, 'currentValue', after -> field)
                            ORDER BY position), '[]')
  INTO changes FROM unnest(ARRAY['name', 'symbol', 'category', 'chains', 'url', 'metadata']) WITH ORDINALITY AS f (field, position)
  WHERE coalesce(before -> field, 'null') <> coalesce(after -> field, 'null');
  INSERT INTO change_outbox (type, protocol, symbol, data, observed_at)
  VALUES ('protocol_update', NEW.slug, NEW.symbol, jsonb_build_object('updateType', kind, 'changes', changes),
    CASE WHEN isfinite(NEW.updated_at) AND NEW.updated_at BETWEEN '1970-01-01Z' AND '2999-01-01Z' THEN NEW.updated_at
    ELSE clock_timestamp() END);
  RETURN NULL;
END $$;`;

/** `isList`: a condition on the number of dimensions, which is null for an empty array. */
const listChecks = (isList: (array: string) => string): string => `
CREATE OR REPLACE FUNCTION are_chains(chains text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT cardinality(chains) <= 1024${isList('chains')} AND NOT EXISTS (SELECT FROM unnest(chains) AS chain
    WHERE chain IS NULL OR chain ~ '[[:space:][:cntrl:]]' OR chain <> lower(chain) OR length(chain) NOT BETWEEN 1 AND 64)
$$;
CREATE OR REPLACE FUNCTION are_tags(tags text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT cardinality(tags) <= 32${isList('tags')} AND NOT EXISTS (SELECT FROM unnest(tags) AS tag
    WHERE tag IS NULL OR tag ~ '[[:cntrl:]]' OR length(tag) NOT BETWEEN 1 AND 64)
$$;`;

/** Stored rows are changed to what the limits accept; without that, no later update of them would be possible. */
const flatten = `
UPDATE protocol_tvl SET tags = ARRAY(SELECT unnest(tags)) WHERE array_ndims(tags) > 1;
UPDATE token_prices SET tags = ARRAY(SELECT unnest(tags)) WHERE array_ndims(tags) > 1;
UPDATE protocols SET chains = ARRAY(SELECT unnest(chains)) WHERE array_ndims(chains) > 1;
UPDATE protocols SET updated_at = now()
WHERE NOT (updated_at >= '1970-01-01 00:00:00+00' AND updated_at < '3000-01-01 00:00:00+00');`;

export class BoundedRows1790000024000 implements MigrationInterface {
  readonly name = 'BoundedRows1790000024000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(hasFewLevels + emitProtocol(REFUSAL, PLACEHOLDER) + flatten);
    await runner.query(
      `${listChecks((array) => ` AND coalesce(array_ndims(${array}), 1) = 1`)}
ALTER TABLE protocols ADD CONSTRAINT protocols_updated_at_check
  CHECK (updated_at >= '1970-01-01 00:00:00+00' AND updated_at < '3000-01-01 00:00:00+00');`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE protocols DROP CONSTRAINT protocols_updated_at_check;
${emitProtocol('', '')}${listChecks(() => '')}
DROP FUNCTION has_few_levels(jsonb);`);
  }
}
