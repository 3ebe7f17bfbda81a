"""`python -m booking_cli` is `booking`."""

from booking_cli.cli import main

main()
