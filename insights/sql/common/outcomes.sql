SELECT outcome, count(*) AS calls FROM {calls} AS calls GROUP BY outcome
