"""Pure rules and data: no database, no terminal."""
