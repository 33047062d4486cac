"""A Singer target for DuckDB that keeps every row and every value, or fails and says why."""


class Refused(Exception):
    """Something that cannot be loaded: one sentence for the person who reads the log."""
