SELECT discord_uid, player_name, command, called_at, kind, outcome, error_type, duration_ms, ack_ms, gateway_delay_ms,
       rate_limited_ms, interaction_id, guild_id, channel_id, shard_id, locale, guild_locale, service_name, trace_id,
       span_id, checkpoints, attributes
  FROM {table}
 WHERE called_at >= :since AND called_at < :until
 ORDER BY called_at, span_id
