"""Clients under injected faults, the history of their operations, and a checker that compares it with the database."""
