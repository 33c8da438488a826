SELECT called_at, kind, command, outcome, error_type, duration_ms, ack_ms, user_id, player_name, guild_id, trace_id
  FROM {calls} AS calls
 WHERE {only}
 ORDER BY called_at DESC, row_id DESC
 LIMIT :count
