-- Which documents there are, of hours (no zone) and of days, and which rows they were made of.
SELECT '' AS zone, start AS place, rows, hash, version FROM {hours} WHERE generation = :generation
 UNION ALL
SELECT zone, toInt64(day) AS place, rows, hash, version FROM {days} WHERE generation = :generation
