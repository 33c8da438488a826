WITH counted AS (
    SELECT user_id, count(*) AS calls FROM {calls} AS calls WHERE user_id IS NOT NULL GROUP BY user_id
)
SELECT calls, count(*) AS users FROM counted GROUP BY calls
