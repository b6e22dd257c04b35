"""Data sets: a source that can be opened again, a resolved task, a selection of rows."""
