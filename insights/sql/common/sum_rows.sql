-- The columns are in the order that sums/tally.py expects.
SELECT at_us, user_id, guild_id, outcome, error_type, duration_ms, ack_ms, gateway_delay_ms,
       kind, command, service_name, application_id, environment, release
  FROM {calls} AS calls
 WHERE {only}
