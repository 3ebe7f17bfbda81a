"""`booking stats` and `booking verify`: reports on the whole appointment book."""

from enum import StrEnum
from typing import Annotated

import typer

from booking_cli import repository
from booking_cli.cli.parameters import Command, FromOption, ToOption, open_session, period
from booking_cli.domain.models import DayStats, DoctorStats, StatusStats, Violation
from booking_cli.output.results import Many, One, Result

app = typer.Typer(rich_markup_mode=None)


class By(StrEnum):
    """The groups of bookings."""

    STATUS = "status"
    DOCTOR = "doctor"
    DAY = "day"


@app.command("stats", cls=Command)
def stats(
    ctx: typer.Context,
    by: Annotated[By | None, typer.Option(help="One line for each state, doctor or day.")] = None,
    first: FromOption = None,
    last: ToOption = None,
) -> Result:
    """Count bookings by state.

    Select bookings by the date of their slot with --from and --to.
    """
    session = open_session(ctx)
    dates = period(session, None, first, last)
    match by:
        case None:
            return One(repository.stats.overall(session, dates))
        case By.STATUS:
            return Many(StatusStats, repository.stats.by_status(session, dates), "state")
        case By.DOCTOR:
            return Many(DoctorStats, repository.stats.by_doctor(session, dates), "doctor")
        case By.DAY:
            return Many(DayStats, repository.stats.by_day(session, dates), "day", session.zone.key)


@app.command("verify", cls=Command)
def verify(ctx: typer.Context) -> Result:
    """Check the appointment book for violated promises.

    Lists the violations, and ends with exit status 4 if there are any.
    """
    session = open_session(ctx)
    from booking_cli.domain.errors import PromiseBroken

    found = repository.verify.violations(session)
    failure = PromiseBroken("The appointment book violates its promises; see the list.") if found else None
    return Many(Violation, found, "violation", failure=failure)
