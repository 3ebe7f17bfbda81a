"""Simulated clients under failures, what they were promised, and whether the book kept it."""
