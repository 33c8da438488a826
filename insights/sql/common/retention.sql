-- Day 0 was a Monday.
WITH active AS (
    SELECT DISTINCT user_id, day - day % 7 AS week FROM {calls} AS calls WHERE user_id IS NOT NULL
), cohorts AS (
    SELECT min(week) OVER (PARTITION BY user_id) AS cohort, week FROM active
)
SELECT cohort, week, count(*) AS users FROM cohorts GROUP BY cohort, week
