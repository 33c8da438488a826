"""What can go wrong between a row and its store.

```
StoreError
├── StoreUnavailable      nothing is wrong with the rows: keep them and try again
├── SchemaMismatch        the table exists but is not ours, or the schema is newer: a person must look
└── RowsRejected          the store refuses (some of) these rows, and would again
```
"""

from __future__ import annotations


class StoreError(Exception):
    """The store could not do what was asked. The message never holds a password."""


class StoreUnavailable(StoreError):  # noqa: N818 - reads as what it is
    """The store cannot be reached or cannot write now. The rows are not to blame: keep them and try again."""


class SchemaMismatch(StoreError):  # noqa: N818
    """The table is not `command_calls` as slashspan knows it. Rows are kept; a person must look."""


class RowsRejected(StoreError):  # noqa: N818
    """The store refuses at least one row of the batch for what is in it, and would again. Nothing was written."""
