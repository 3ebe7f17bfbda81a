"""Where the program starts; as little as possible happens before Ctrl-C is understood."""

import sys


def main() -> None:
    """Run the command of this process and exit with its status."""
    try:
        from booking_cli.cli import run
    except KeyboardInterrupt:
        sys.stderr.write("Error: Interrupted; nothing was changed.\n")
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
