"""The databases: one file each, behind one contract (`base.py`), with the schema they share."""
