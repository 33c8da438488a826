"""Between the end of a span and the store: an append-only log on disk, so that a crash or an outage loses nothing.

```
<folder>/<destination>/destination.json      service, store and table that the records below are for
                       w-<start>-<pid>-…/    one writer, that is one process
                           lock              held for as long as the writer lives
                           00000001.seg      records, appended, each with length, checksum and key
                           00000001.ack      offsets of records that the store has
                           last_error.json      why rows wait, written when the store goes away
```
A record is appended once and never changed. What the store has committed is acknowledged; a segment all of whose
records are is unlinked, the oldest first. Segments of a process that died are adopted by exactly one other.
"""
