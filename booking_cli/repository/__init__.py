"""Parameters in, named SQL, frozen dataclass out: one module for each noun. No printing, no command line."""
