-- What exists under the table's name, in one round trip. $1: the quoted name.
WITH index AS (
    SELECT i.indrelid, c.relname AS name, i.indisvalid AS valid, i.indisunique AND i.indpred IS NULL AS key,
           array(SELECT a.attname
                   FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k JOIN pg_attribute a
                     ON a.attrelid = i.indrelid AND a.attnum = k) AS columns
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
), branch AS (
    SELECT p.oid, p.relname AS name, format('%I.%I', n.nspname, p.relname) AS quoted,
           pg_get_expr(p.relpartbound, p.oid) AS bound
      FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhrelid JOIN pg_namespace n ON n.oid = p.relnamespace
     WHERE h.inhparent = to_regclass($1)
)
SELECT c.relkind::text AS kind,
       greatest(c.reltuples, 0)::bigint AS rows,
       current_setting('server_version_num')::int AS server,
       current_setting('TimeZone') AS zone,
       (SELECT jsonb_object_agg(a.attname, jsonb_build_object(
                   'type', format_type(a.atttypid, a.atttypmod), 'required', a.attnotnull,
                   'fills', a.atthasdef OR a.attidentity <> '',
                   'default', pg_get_expr(d.adbin, d.adrelid)))
          FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT jsonb_object_agg(name, jsonb_build_object('valid', valid, 'key', key, 'columns', columns))
          FROM index WHERE indrelid = c.oid) AS indexes,
       (SELECT jsonb_agg(jsonb_build_object('name', name, 'quoted', quoted, 'bound', bound, 'indexes',
                   (SELECT jsonb_object_agg(index.name, valid) FROM index WHERE indrelid = branch.oid)) ORDER BY name)
          FROM branch) AS partitions
  FROM pg_class c
 WHERE c.oid = to_regclass($1)
