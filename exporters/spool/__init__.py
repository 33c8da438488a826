"""Between the end of a span and the store: an append-only log on disk, so that a crash or an outage loses nothing.

```
<folder>/<destination>/destination.json      the service, store and table that the records below are for
                       w-<start>-<pid>-…/    one writer, which is one process
                           lock              held for as long as the writer lives
                           in-flight.slots   actions that have started and not ended
                           00000001.seg      records of finished actions, each with length, checksum and key
                           00000001.ack      offsets of records that the store has committed
                           last_error.json   why rows are waiting; written when the store becomes unavailable
```
A record is appended once and never changed. What the store has committed is acknowledged; a segment whose records are
all acknowledged is unlinked, the oldest first. Segments of a process that died are adopted by exactly one other.
"""
