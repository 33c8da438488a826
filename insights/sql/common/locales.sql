SELECT {locale} AS code, count(*) AS calls, count(DISTINCT user_id) AS users
  FROM {calls} AS calls
 WHERE {locale} IS NOT NULL
 GROUP BY {locale}
