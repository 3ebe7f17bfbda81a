"""Counts of bookings by state: of the whole book or a period, overall or by doctor or day."""

import datetime as dt

from booking_cli.db.connections import Row
from booking_cli.db.transaction import Transaction
from booking_cli.domain.models import DayStats, DoctorStats, Stats, StatusStats
from booking_cli.session import ClinicSession

LONG_SECONDS = 300


def overall(session: ClinicSession, starts_from: dt.datetime | None, starts_before: dt.datetime | None) -> Stats:
    """Return the bookings whose slot starts in the period, by state."""
    period = {"starts_from": starts_from, "starts_before": starts_before}

    def work(tx: Transaction) -> Row | None:
        if starts_from is None and starts_before is None:
            return tx.one("stats.overall")
        return tx.one("stats.of_period", period)

    row = session.database.read(work, timeout_seconds=LONG_SECONDS)
    assert row is not None
    return Stats(**row)


def by_status(
    session: ClinicSession, starts_from: dt.datetime | None, starts_before: dt.datetime | None
) -> list[StatusStats]:
    """Return one row for each state."""
    counts = overall(session, starts_from, starts_before)
    nothing = {"confirmed": 0, "pending": 0, "failed": 0, "cancelled": 0}
    return [
        StatusStats(status=name.upper(), **{**nothing, name: getattr(counts, name)}, total=getattr(counts, name))
        for name in nothing
    ]


def by_doctor(
    session: ClinicSession, starts_from: dt.datetime | None, starts_before: dt.datetime | None
) -> list[DoctorStats]:
    """Return the counts for each doctor with bookings in the period, by name."""
    period = {"starts_from": starts_from, "starts_before": starts_before}
    found = session.database.read(lambda tx: tx.all("stats.by_doctor", period), timeout_seconds=LONG_SECONDS)
    return [DoctorStats(**row) for row in found]


def by_day(
    session: ClinicSession, starts_from: dt.datetime | None, starts_before: dt.datetime | None
) -> list[DayStats]:
    """Return the counts for each day with bookings, on the clinic's calendar."""
    period = {"starts_from": starts_from, "starts_before": starts_before, "timezone": session.zone.key}
    found = session.database.read(lambda tx: tx.all("stats.by_day", period), timeout_seconds=LONG_SECONDS)
    return [DayStats(**row) for row in found]
