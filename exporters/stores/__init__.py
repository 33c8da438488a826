"""The databases: one module each, behind one interface (`base.py`), and the schema that they share."""
