import type { Spelling } from './join-twins.js';

/**
 * Renames the instances of wildcard rules, so that a firing with an old name continues, and is resolved, under the new name.
 * If two instances become one, the firing that its owner was notified of is kept. Messages are renamed, too, because a
 * resolution looks for its firing among them.
 */
export function renameInstances({ protocol, chain, token }: Spelling): string {
  return `
CREATE TEMPORARY TABLE renamed ON COMMIT DROP AS
SELECT *, row_number() OVER (PARTITION BY rule_id, to_key
  ORDER BY phase = 'firing' DESC, told DESC, instance_key = to_key DESC, since, instance_key) AS rank
FROM (
  SELECT rule_id, instance_key, phase, told, since, (
    SELECT string_agg(name || '=' || CASE name WHEN 'protocol' THEN ${protocol('value')} WHEN 'chain' THEN ${chain('value')}
      ELSE ${token('value')} END, ',' ORDER BY place)
    FROM regexp_split_to_table(instance_key, ',(?=(?:protocol|chain|token)=)') WITH ORDINALITY AS parts (part, place),
      LATERAL (SELECT split_part(part, '=', 1) AS name, substr(part, strpos(part, '=') + 1) AS value) named
  ) AS to_key
  FROM alert_instances WHERE instance_key <> ''
) spelled;
DELETE FROM alert_instances i USING renamed r
WHERE r.rank > 1 AND (i.rule_id, i.instance_key) = (r.rule_id, r.instance_key);
UPDATE alert_instances i SET instance_key = r.to_key FROM renamed r
WHERE r.instance_key <> r.to_key AND (i.rule_id, i.instance_key) = (r.rule_id, r.instance_key);
UPDATE deliveries d SET collapse_key = r.rule_id || ' ' || r.to_key FROM renamed r
WHERE r.instance_key <> r.to_key AND d.collapse_key = r.rule_id || ' ' || r.instance_key;
DROP TABLE renamed;`;
}
