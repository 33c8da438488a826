SELECT command, service_name, application_id, environment, release
  FROM {calls} AS calls
 GROUP BY command, service_name, application_id, environment, release
