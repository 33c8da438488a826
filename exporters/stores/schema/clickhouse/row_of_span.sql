-- From a span's attributes to its row. Only functions that cannot fail: an error would make the exporter send the same
-- batch again for ever. Autocomplete is left out as in SLASHSPAN_KINDS.
WITH
    SpanAttributes AS a,
    arrayMap(
        (name, e) -> (
            substringUTF8(replaceAll(name, '\0', ''), 1, {max_text}),
            {at_ms},
            {step_ms},
            {own_of_event}
        ),
        arrayFilter((name, e) -> mapContains(e, '{at_ms_key}'), Events.Name, Events.Attributes),
        arrayFilter(e -> mapContains(e, '{at_ms_key}'), Events.Attributes)
    ) AS marks,
    {own} AS own
SELECT
    {values}
FROM {source}
WHERE mapContains(SpanAttributes, '{kind_key}') AND SpanAttributes['{kind_key}'] != '{autocomplete}'
