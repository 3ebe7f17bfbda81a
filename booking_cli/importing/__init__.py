"""Bookings from files: reading rows in bounded memory and executing them in chunks."""
