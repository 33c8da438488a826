-- What people read: each row once, whatever was sent twice.
CREATE OR REPLACE VIEW {calls} {on_cluster} AS
SELECT
    {selected}
FROM {rows} FINAL
COMMENT '{comment}'
