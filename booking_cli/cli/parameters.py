"""What commands share: the options `-o` and `-v`, the types of arguments, and the opened session."""

import datetime as dt
import functools
import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperOption

from booking_cli.domain.dates import Day, Period, parse_day
from booking_cli.domain.errors import InvalidInput, UsageError
from booking_cli.domain.validation import (
    BookingKey,
    DoctorKey,
    PatientKey,
    or_empty,
    parse_booking,
    parse_count,
    parse_doctor,
    parse_id,
    parse_name,
    parse_patient,
    parse_phone,
    parse_specialization,
    parse_version,
    quote,
)
from booking_cli.output.results import Format
from booking_cli.output.show import show

if TYPE_CHECKING:
    from booking_cli.session import ClinicSession

T = TypeVar("T")

DEFAULT_LIMIT = 200


def checked(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return `parse` for use as a parameter's parser: its InvalidInput is reported with the parameter's name."""

    def parser(text: str | T) -> T:
        if not isinstance(text, str):  # a default value
            return text
        try:
            return parse(text)
        except InvalidInput as error:
            raise typer.BadParameter(str(error)) from None

    return parser


def argument(metavar: str, parse: Callable[[str], Any], help_: str) -> Any:
    """Return a positional parameter that `parse` checks."""
    return typer.Argument(metavar=metavar, parser=checked(parse), help=help_)


def option(metavar: str, parse: Callable[[str], Any], help_: str, *names: str) -> Any:
    """Return an option that `parse` checks; `names` replace the parameter's own name."""
    return typer.Option(*names, metavar=metavar, parser=checked(parse), help=help_)


DoctorArgument = Annotated[DoctorKey, argument("DOCTOR", parse_doctor, "Number or email address.")]
PatientArgument = Annotated[PatientKey, argument("PATIENT", parse_patient, "Number, email address or phone number.")]
SlotArgument = Annotated[int, argument("SLOT", parse_id, "Number of the slot.")]
BookingArgument = Annotated[BookingKey, argument("BOOKING", parse_booking, "Number or reference.")]
NameArgument = Annotated[str, argument("NAME", parse_name, "Name, 1 to 200 characters.")]
NewNameOption = Annotated[str | None, option("TEXT", parse_name, "New name.", "--name")]
NewPhoneOption = Annotated[
    str | None, option("PHONE", or_empty(parse_phone), "New phone number; '' removes it.", "--phone")
]
IfVersionOption = Annotated[
    int | None, option("N", parse_version, "Only if the record still has this version.", "--if-version")
]
PhoneOption = Annotated[str | None, option("PHONE", parse_phone, "Phone number.")]
SpecializationFilter = Annotated[
    str | None, option("TEXT", parse_specialization, "Only doctors with this specialization.", "--specialization")
]
DoctorFilter = Annotated[DoctorKey | None, option("DOCTOR", parse_doctor, "Only of this doctor.", "--doctor")]
DateOption = Annotated[Day | None, option("DATE", parse_day, "Only on this day.", "--date")]
FromOption = Annotated[Day | None, option("DATE", parse_day, "From this day on.", "--from")]
ToOption = Annotated[Day | None, option("DATE", parse_day, "Up to and including this day.", "--to")]
LimitOption = Annotated[int, option("N", parse_count, "Show at most this many.", "--limit")]


class Context(typer.Context):
    """The context of a command: the format of its output, and the clinic."""

    format: Format

    @functools.cached_property
    def session(self) -> "ClinicSession":
        """The clinic; opened at its first use, and closed when the command has shown its result."""
        return self.open_session()

    def open_session(self, pool_size: int = 0) -> "ClinicSession":
        """Open the clinic, with a pool of connections for several threads."""
        from booking_cli import session

        database = session.configured_database(pool_size, creates=isinstance(self.command, CreatingCommand))
        self.call_on_close(database.close)
        return session.open_session(database)


class Command(TyperCommand):
    """A command with `--output` and `--verbose` that shows the result of its function."""

    context_class = Context

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            TyperOption(
                param_decls=["-o", "--output"],
                type=_parse_format,
                metavar="|".join(Format),
                default=Format.TABLE,
                help="Format of the result.",
                show_default=True,
            ),
            TyperOption(param_decls=["-v", "--verbose"], is_flag=True, help="Log retries and other details to stderr."),
        ]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; raises UsageError where an option that takes one value has several."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        for param, count in Counter(order).items():
            is_plain_flag = getattr(param, "is_flag", False) and not param.secondary_opts
            if count > 1 and not param.multiple and not is_plain_flag and not ctx.resilient_parsing:
                names = " or ".join([*param.opts, *param.secondary_opts])
                raise UsageError(f"Option {names} was given {count} times; it takes one value.")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> None:
        """Run the command's function and show its result."""
        ctx.format = ctx.params.pop("output")
        if ctx.params.pop("verbose"):
            set_verbose(True)
        if (result := super().invoke(ctx)) is not None:
            show(result, ctx.format)


class CreatingCommand(Command):
    """A command that creates an embedded appointment book where there is none."""


def set_verbose(verbose: bool) -> None:
    """Log warnings to stderr, or with `verbose` also details such as retries."""
    logging.getLogger("booking").setLevel(logging.INFO if verbose else logging.WARNING)


def period(session: "ClinicSession", date: Day | None, first: Day | None, last: Day | None) -> Period:
    """Return the period of `--date`, or of `--from` and `--to`, in UTC; raises InvalidInput where they contradict."""
    from booking_cli.domain.working_hours import start_of_day

    if date is not None:
        if first is not None or last is not None:
            raise InvalidInput("Use either --date, or --from and --to.")
        first = last = date
    first_date = first and first.on(session.today)
    last_date = last and last.on(session.today)
    if first_date and last_date and first_date > last_date:
        raise InvalidInput(f"--from {first_date} is after --to {last_date}.")
    return Period(
        start_of_day(first_date, session.zone) if first_date else None,
        start_of_day(last_date + dt.timedelta(days=1), session.zone) if last_date else None,
    )


@checked
def _parse_format(text: str) -> Format:
    try:
        return Format(text.strip().lower())
    except ValueError:
        raise InvalidInput(f"{quote(text)} is not an output format; use table, json, ndjson or csv.") from None
