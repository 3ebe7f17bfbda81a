"""The command line: the application, the lazily loaded commands, and what all commands share."""
