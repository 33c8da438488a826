CREATE MATERIALIZED VIEW IF NOT EXISTS {filled} {on_cluster} TO {stored}
COMMENT '{comment}' AS
{row_of_span}
