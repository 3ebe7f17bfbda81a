"""`booking stats` and `booking verify`: the book as a whole."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from booking_cli.cli.parameters import FromOption, ToOption, instants, open_book
from booking_cli.output import Many, One, Result


class By(StrEnum):
    """What to count bookings by."""

    STATUS = "status"
    DOCTOR = "doctor"
    DAY = "day"


def stats(
    ctx: typer.Context,
    by: Annotated[By | None, typer.Option(help="A line for each of these.")] = None,
    first: FromOption = None,
    last: ToOption = None,
) -> Result:
    """Count bookings by state.

    The period is that of the appointments.
    """
    book = open_book(ctx)
    from booking_cli.domain.models import DayStats, DoctorStats, StatusStats
    from booking_cli.repository import stats

    starts_from, starts_before = instants(book, None, first, last)
    match by:
        case None:
            return One(stats.overall(book, starts_from, starts_before))
        case By.STATUS:
            return Many(StatusStats, stats.by_status(book, starts_from, starts_before), "state")
        case By.DOCTOR:
            return Many(DoctorStats, stats.by_doctor(book, starts_from, starts_before), "doctor")
        case By.DAY:
            return Many(DayStats, stats.by_day(book, starts_from, starts_before), "day", book.zone.key)


def verify(ctx: typer.Context) -> Result:
    """Check that the book keeps its promises.

    Lists what is wrong, and then ends with exit status 4.
    """
    book = open_book(ctx)
    from booking_cli.domain.errors import PromiseBroken
    from booking_cli.domain.models import Violation
    from booking_cli.repository import verify

    found = verify.violations(book)
    failure = PromiseBroken("The book does not keep its promises; see the list.") if found else None
    return Many(Violation, found, "problem", failure=failure)


# These are about the whole book, and commands of the root.
app: dict[str, Callable[..., Result]] = {"stats": stats, "verify": verify}
