"""What can go wrong when rows are written.

```
StoreError
├── StoreUnavailable      nothing is wrong with the rows: keep them and retry
│   └── RowsRefused       something that the owner added to the table rejects some of these rows, until it is changed
├── SchemaMismatch        the table is not ours, or its schema is newer: somebody must look at it
└── RowsRejected          the store rejects some of these rows, and would again
```
"""

from __future__ import annotations

from typing import Final

REFUSED: Final = "the table rejects rows"
"""Begins what RowsRefused says, after the address."""


class StoreError(Exception):
    """The store could not do what was asked. The message never contains a password."""


class StoreUnavailable(StoreError):  # noqa: N818 - describes a state
    """The store cannot be reached or cannot write at the moment. The rows are fine: keep them and retry."""


class RowsRefused(StoreUnavailable):
    """A constraint, column or trigger of the table's owner rejects at least one row of the batch. Nothing was written.

    Keep the row: the owner may change that. Others may be accepted.
    """


class SchemaMismatch(StoreError):  # noqa: N818
    """The table is not a `command_calls` that slashspan knows. Rows are kept; somebody must look at it."""


class RowsRejected(StoreError):  # noqa: N818
    """The store rejects at least one row of the batch for its contents, and would again. Nothing was written."""
