SELECT count(*) AS calls,
       count(DISTINCT CASE WHEN discord_uid <> 0 THEN discord_uid END) AS users,
       min(called_at) AS first,
       max(called_at) AS last
  FROM {table}
 WHERE called_at >= :since AND called_at < :until
