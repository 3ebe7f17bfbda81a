"""Counts of bookings by state: of the whole book or a period, overall or by doctor or day."""

from booking_cli.db.connections import Row
from booking_cli.domain.dates import Period
from booking_cli.domain.models import DayStats, DoctorStats, Stats, StatusStats
from booking_cli.session import ClinicSession

LONG_SECONDS = 300


def overall(session: ClinicSession, period: Period) -> Stats:
    """Return how many bookings have a slot that starts in the period, by state."""
    (row,) = _counts(session, "stats.of_period" if any(period) else "stats.overall", period)
    return Stats(**row)


def by_status(session: ClinicSession, period: Period) -> list[StatusStats]:
    """Return one row for each state."""
    nothing = dict.fromkeys(Stats._fields, 0)
    counts = overall(session, period)._asdict()
    del counts["total"]
    return [StatusStats(name.upper(), **{**nothing, name: count, "total": count}) for name, count in counts.items()]


def by_doctor(session: ClinicSession, period: Period) -> list[DoctorStats]:
    """Return the counts for each doctor with bookings in the period, by name."""
    return [DoctorStats(**row) for row in _counts(session, "stats.by_doctor", period)]


def by_day(session: ClinicSession, period: Period) -> list[DayStats]:
    """Return the counts for each day with bookings, on the clinic's calendar."""
    return [DayStats(**row) for row in _counts(session, "stats.by_day", period)]


def _counts(session: ClinicSession, statement: str, period: Period) -> list[Row]:
    parameters = {**period._asdict(), "timezone": session.zone.key}
    return session.database.read(lambda tx: tx.all(statement, parameters), timeout_seconds=LONG_SECONDS)
