-- An answer that Discord refused (expired) came after 3 s, whatever was measured.
SELECT kind, command,
       count(*) AS calls,
       nearest_ranks(ack_ms) AS ranks,
       sum(CASE WHEN ack_ms > 2000 OR outcome = 'expired' THEN 1 ELSE 0 END) AS over_2s,
       sum(CASE WHEN ack_ms > 3000 OR outcome = 'expired' THEN 1 ELSE 0 END) AS over_3s,
       sum(CASE WHEN ack_ms IS NULL AND outcome <> 'expired' THEN 1 ELSE 0 END) AS never
  FROM {calls} AS calls
 WHERE kind NOT IN ('prefix', '')
 GROUP BY kind, command
