"""Shows results: as tables for people, and as json, ndjson or csv for programs."""
