-- nullif: ClickHouse has no null for a missing row before, unless the column may be null.
-- How many users were active on a day, by the number of days since the active day before (null: none before).
WITH active AS (
    SELECT DISTINCT user_id, day FROM {calls} AS calls WHERE user_id IS NOT NULL
), gaps AS (
    SELECT day, day - lag(nullif(day, -1)) OVER (PARTITION BY user_id ORDER BY day) AS gap FROM active
)
SELECT day, gap, count(*) AS users FROM gaps GROUP BY day, gap
