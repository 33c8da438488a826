-- Of a cluster. By trace: a span that is sent twice meets its double on the same shard, where FINAL finds it.
CREATE TABLE IF NOT EXISTS {name} {on_cluster} AS {stored}
ENGINE = Distributed({cluster}, {database}, {stored_name}, cityHash64({trace}))
COMMENT '{comment}'
