"""The entry point; does as little as possible before Ctrl-C is handled."""

import gc
import os
import sys

# Imported objects stay in use until the end. With Python's default, searching them for garbage takes a fifth of a command's time.
GC_THRESHOLD = 100_000


def main() -> None:
    """Run the command of this process and exit with its status."""
    gc.set_threshold(GC_THRESHOLD)
    try:
        from booking_cli.cli.application import run
    except KeyboardInterrupt:
        sys.stderr.write("Error: Interrupted; nothing was changed.\n")
        sys.exit(130)
    # Skips finalization: it takes time, and can crash while threads still use libpq after a second Ctrl-C.
    os._exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
