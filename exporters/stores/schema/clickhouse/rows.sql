-- The rows. The key is a row's identity, and of several with the same one a query through the view sees the first that
-- was stored, as other databases keep it; only `interrupted` gives way to how the action really ended.
CREATE TABLE IF NOT EXISTS {stored} {on_cluster} (
    {columns},
    version UInt64 MATERIALIZED bitShiftLeft(toUInt64(outcome != 'interrupted'), 63) + (bitShiftLeft(toUInt64(1), 62) - toUnixTimestamp64Micro(inserted_at)) CODEC(Delta, ZSTD(1)),
    INDEX by_user discord_uid TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 4
) ENGINE = {engine}
PARTITION BY toYYYYMM(called_at)
PRIMARY KEY called_at
ORDER BY (called_at, span_id)
TTL toDateTime(called_at) + toIntervalDay(400)
SETTINGS ttl_only_drop_parts = 1
COMMENT '{comment}'
