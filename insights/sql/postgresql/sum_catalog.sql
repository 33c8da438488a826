-- Whether the sums can be trusted, and read by this role; from the catalog alone, so that it fails for nobody.
WITH named AS (
    SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = to_regclass(:relation)
), marking AS (
    SELECT p.oid, p.proowner
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN named ON named.schema = n.nspname
     WHERE p.proname = named.name || '_sum_mark' AND p.pronargs = 0
), live AS (
    SELECT t.tgrelid, count(*) AS triggers
      FROM pg_trigger t JOIN marking ON marking.oid = t.tgfoid
     WHERE t.tgname = ANY (CAST(:triggers AS text[])) AND t.tgenabled = 'A'
     GROUP BY t.tgrelid
), branches AS (
    SELECT p.oid, format('%I.%I', n.nspname, p.relname) AS name, p.relkind = 'r' AND coalesce(live.triggers, 0) = 4 AS marks,
           pg_get_expr(p.relpartbound, p.oid) AS bound
      FROM named JOIN pg_inherits h ON h.inhparent = named.oid JOIN pg_class p ON p.oid = h.inhrelid
      JOIN pg_namespace n ON n.oid = p.relnamespace LEFT JOIN live ON live.tgrelid = p.oid
)
SELECT named.schema, named.name, named.kind = 'p' AS partitioned,
       (SELECT count(*) FROM pg_subscription_rel s WHERE s.srrelid = named.oid) AS subscriptions,
       (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
         WHERE a.attrelid = named.oid AND a.attname = 'called_at' AND NOT a.attisdropped) AS called_at,
       (SELECT count(*) FROM unnest(CAST(:suffixes AS text[])) AS suffix
         WHERE to_regclass(format('%I.%I', named.schema, named.name || suffix)) IS NOT NULL) AS there,
       (SELECT count(*) FROM unnest(CAST(:suffixes AS text[])) AS suffix
         WHERE has_table_privilege(to_regclass(format('%I.%I', named.schema, named.name || suffix)), 'SELECT')) AS readable,
       coalesce((SELECT triggers FROM live WHERE tgrelid = named.oid), 0) AS triggers,
       (SELECT has_table_privilege(proowner, to_regclass(format('%I.%I', named.schema, named.name || '_sum_marks')), 'INSERT')
          FROM marking) AS marks,
       CAST((SELECT json_agg(json_build_object('oid', CAST(oid AS bigint), 'name', name, 'marks', marks,
            'since', CAST(extract(epoch FROM CAST(substring(bound FROM 'FROM \(''([^'']+)''\)') AS timestamptz)) AS bigint),
            'until', CAST(extract(epoch FROM CAST(substring(bound FROM 'TO \(''([^'']+)''\)') AS timestamptz)) AS bigint)
        )) FROM branches) AS text) AS partitions
  FROM named
