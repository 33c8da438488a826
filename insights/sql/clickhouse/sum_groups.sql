-- The rows of an hour that are alike but for their values, as one. The columns are in the order that sums/tally.py expects.
-- `near_…` is a value of the same bin of a histogram (sums/clickhouse/groups.py): there are few.
WITH {edges} AS edges
SELECT {start} AS start, count(*) AS calls, min(at_us) AS first_us, max(at_us) AS last_us,
       countIf(outcome = 'expired' OR ack_ms > 2000) AS over_2s, countIf(outcome = 'expired' OR ack_ms > 3000) AS over_3s,
       countIf(outcome <> 'expired' AND ack_ms IS NULL) AS never, max(duration_ms) AS longest,
       sumMap([outcome], [1]) AS outcomes,
       sumMapIf([assumeNotNull({near_duration})], [1], duration_ms IS NOT NULL) AS durations,
       sumMapIf([assumeNotNull({near_ack})], [1], ack_ms IS NOT NULL) AS acks,
       sumMapIf([assumeNotNull({near_delay})], [1], gateway_delay_ms IS NOT NULL) AS delays,
       groupUniqArray(user_id) AS users, groupUniqArray(guild_id) AS guilds,
       groupArrayIf((outcome, coalesce(error_type, ''), at_us, user_id), outcome = 'error' OR error_type IS NOT NULL)
           AS failures,
       kind, command, service_name, application_id, environment, release
  FROM {calls} AS calls
 GROUP BY start, kind, command, service_name, application_id, environment, release
SETTINGS aggregate_functions_null_for_empty = 0
