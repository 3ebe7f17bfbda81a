"""Hostile input for every command: what comes out is held against what the product promises. `python -m tests.fuzz`."""
