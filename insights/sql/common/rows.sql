SELECT *
  FROM {rows} AS calls
 ORDER BY called_at, span_id
