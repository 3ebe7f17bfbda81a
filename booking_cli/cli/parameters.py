"""What all commands share: how they take `-o` and `-v`, how their result is shown, and the types of their arguments."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperOption

from booking_cli.domain.dates import Day, parse_day
from booking_cli.domain.errors import InvalidInput
from booking_cli.domain.validation import (
    BookingKey,
    DoctorKey,
    parse_booking,
    parse_count,
    parse_doctor,
    parse_id,
    quote,
)
from booking_cli.output import Format, show

if TYPE_CHECKING:
    import datetime as dt

    from booking_cli.session import Book

T = TypeVar("T")

DEFAULT_LIMIT = 200
# Under what name a command finds the form of its output, where what it does depends on it.
FORM = "booking.form"


def checked(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return `parse` for use as a parameter's parser: what it refuses is reported with the parameter's name."""

    def parser(text: str | T) -> T:
        if not isinstance(text, str):  # a default value
            return text
        try:
            return parse(text)
        except InvalidInput as error:
            raise typer.BadParameter(str(error)) from None

    return parser


DoctorArgument = Annotated[
    DoctorKey, typer.Argument(metavar="DOCTOR", parser=checked(parse_doctor), help="Number or email address.")
]
SlotArgument = Annotated[int, typer.Argument(metavar="SLOT", parser=checked(parse_id), help="Number of the slot.")]
BookingArgument = Annotated[
    BookingKey, typer.Argument(metavar="BOOKING", parser=checked(parse_booking), help="Number or reference.")
]
DoctorOption = Annotated[
    DoctorKey | None,
    typer.Option("--doctor", metavar="DOCTOR", parser=checked(parse_doctor), help="Only this doctor's."),
]
DateOption = Annotated[
    Day | None, typer.Option("--date", metavar="DATE", parser=checked(parse_day), help="Only on this day.")
]
FromOption = Annotated[
    Day | None, typer.Option("--from", metavar="DATE", parser=checked(parse_day), help="From this day on.")
]
ToOption = Annotated[
    Day | None, typer.Option("--to", metavar="DATE", parser=checked(parse_day), help="Up to and including this day.")
]
LimitOption = Annotated[
    int, typer.Option("--limit", metavar="N", parser=checked(parse_count), help="Show at most this many.")
]


class Command(TyperCommand):
    """A command that takes `--output` and `--verbose`, and shows what its function returns."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            TyperOption(
                param_decls=["-o", "--output", "output"],
                type=_format,
                metavar="|".join(Format),
                default=Format.TABLE,
                help="How to show the result.",
                show_default=True,
            ),
            TyperOption(
                param_decls=["-v", "--verbose", "verbose"],
                is_flag=True,
                default=False,
                show_default=False,
                help="Tell more on stderr, such as repeated attempts.",
            ),
        ]

    def invoke(self, ctx: Any) -> None:
        """Run the command's function and show what it returns."""
        form: Format = ctx.params.pop("output")
        ctx.meta[FORM] = form
        if ctx.params.pop("verbose"):
            be_verbose(True)
        result = super().invoke(ctx)
        if result is not None:
            show(result, form)


def be_verbose(verbose: bool) -> None:
    """Let stderr tell what everybody must know, or also what went on behind it, such as attempts that were repeated."""
    logging.getLogger("booking").setLevel(logging.INFO if verbose else logging.WARNING)


def open_book(ctx: typer.Context, pool_size: int = 0) -> "Book":
    """Open the clinic's book until the command has shown its result; with connections for so many threads."""
    from booking_cli import session as book

    database = book.database(pool_size)
    ctx.call_on_close(database.close)
    return book.open_book(database)


def instants(
    book: "Book", date: Day | None, first: Day | None, last: Day | None
) -> "tuple[dt.datetime | None, dt.datetime | None]":
    """Return the instants from which and before which `--date`, or `--from` and `--to`, reach; None is no bound.

    Raises InvalidInput where they contradict one another.
    """
    import datetime as dt

    from booking_cli.domain.working_hours import start_of_day

    if date is not None:
        if first is not None or last is not None:
            raise InvalidInput("Use either --date, or --from and --to.")
        first = last = date
    first_date = first and first.on(book.today)
    last_date = last and last.on(book.today)
    if first_date and last_date and first_date > last_date:
        raise InvalidInput(f"--from {first_date} is after --to {last_date}.")
    return (
        start_of_day(first_date, book.zone) if first_date else None,
        start_of_day(last_date + dt.timedelta(days=1), book.zone) if last_date else None,
    )


@checked
def _format(text: str) -> Format:
    try:
        return Format(text.strip().lower())
    except ValueError:
        raise InvalidInput(f"{quote(text)} is not a form of output; use table, json, ndjson or csv.") from None
