"""Parameters in, named SQL, named tuple out: one module for each noun. No printing, no command line."""
