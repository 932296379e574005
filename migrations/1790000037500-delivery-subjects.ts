import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Subjects of a message as hashes, so that the order of messages about one subject is found without reading their JSON. Rows
 * from before have none; their readers compute them.
 */
export class DeliverySubjects1790000037500 implements MigrationInterface {
  readonly name = 'DeliverySubjects1790000037500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE deliveries ADD COLUMN subject_keys bigint[], ADD COLUMN is_end boolean;
COMMENT ON COLUMN deliveries.subject_keys IS 'Hashes of the subjects that the message names, each with its rule; null: from before this column.';
COMMENT ON COLUMN deliveries.is_end IS 'Whether the message takes back what an earlier one reported; null: from before this column.';

CREATE FUNCTION delivery_subject_keys(type text, data jsonb) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(DISTINCT hashtextextended(jsonb_build_array(coalesce(one -> 'ruleId', data -> 'ruleId'),
    one -> 'protocol', one -> 'chain', one -> 'token', one -> 'account')::text, 0)), '{}')
  FROM jsonb_array_elements(CASE WHEN type = 'alert.summary' THEN CASE
      WHEN jsonb_typeof(data #> '{explanation,alerts}') = 'array' THEN data #> '{explanation,alerts}'
      WHEN jsonb_typeof(data #> '{explanation,subjects}') = 'array' THEN data #> '{explanation,subjects}' ELSE '[]' END
    WHEN type LIKE 'alert.%' THEN jsonb_build_array(data) ELSE '[]' END) one
$$;

CREATE FUNCTION delivery_is_end(type text, data jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT type IN ('alert.resolved', 'alert.retracted') OR data #>> '{explanation,state}' IS NOT DISTINCT FROM 'resolved'
$$;
REVOKE ALL ON FUNCTION delivery_subject_keys(text, jsonb), delivery_is_end(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery_subject_keys(text, jsonb), delivery_is_end(text, jsonb) TO rta_app;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE deliveries DROP COLUMN is_end, DROP COLUMN subject_keys;
DROP FUNCTION delivery_is_end(text, jsonb), delivery_subject_keys(text, jsonb);`);
  }
}
