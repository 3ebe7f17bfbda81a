"""Hostile input for every command, checked against what the product promises: `python -m tests.fuzz`."""
