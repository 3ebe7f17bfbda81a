"""`booking stats` and `booking verify`: reports on the whole appointment book."""

from typing import Annotated, Literal

import typer

from booking_cli import repository
from booking_cli.cli.parameters import Command, Context, FromOption, ToOption, period
from booking_cli.domain.errors import PromiseBroken
from booking_cli.domain.models import DayStats, DoctorStats, StatusStats, Violation
from booking_cli.output.results import Many, One, Result

app = typer.Typer(rich_markup_mode=None)


@app.command("stats", cls=Command)
def stats(
    ctx: Context,
    by: Annotated[
        Literal["status", "doctor", "day"] | None, typer.Option(help="One line for each state, doctor or day.")
    ] = None,
    first: FromOption = None,
    last: ToOption = None,
) -> Result:
    """Count bookings by state.

    Select bookings by the date of their slot with --from and --to.
    """
    dates = period(ctx.session, None, first, last)
    match by:
        case None:
            return One(repository.stats.overall(ctx.session, dates))
        case "status":
            return Many(StatusStats, repository.stats.by_status(ctx.session, dates), "state")
        case "doctor":
            return Many(DoctorStats, repository.stats.by_doctor(ctx.session, dates), "doctor")
        case "day":
            return Many(DayStats, repository.stats.by_day(ctx.session, dates), "day", ctx.session.zone.key)


@app.command("verify", cls=Command)
def verify(ctx: Context) -> Result:
    """Check the appointment book for violated promises.

    Lists the violations, and ends with exit status 4 if there are any.
    """
    found = repository.verify.violations(ctx.session)
    failure = PromiseBroken(f"Violations found: {len(found)}. Tell the database administrator.") if found else None
    return Many(Violation, found, "violation", failure=lambda: failure)
