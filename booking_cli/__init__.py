"""A clinic's appointment book, from the terminal, on PostgreSQL."""

__version__ = "0.1.0"
