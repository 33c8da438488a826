SELECT *
  FROM {table}
 WHERE called_at >= :since AND called_at < :until
 ORDER BY called_at, span_id
