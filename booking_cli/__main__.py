"""Where the program starts; as little as possible happens before Ctrl-C is understood."""

import gc
import sys

# What loading makes stays until the end: to look through it for garbage, again and again, takes a fifth of a command's time.
_MADE_BETWEEN_COLLECTIONS = 100_000


def main() -> None:
    """Run the command of this process and exit with its status."""
    gc.set_threshold(_MADE_BETWEEN_COLLECTIONS)
    try:
        from booking_cli.cli.application import run
    except KeyboardInterrupt:
        sys.stderr.write("Error: Interrupted; nothing was changed.\n")
        sys.exit(130)
    try:
        sys.exit(run(sys.argv[1:]))
    finally:
        gc.freeze()  # or Python looks through everything once more before it ends


if __name__ == "__main__":
    main()
