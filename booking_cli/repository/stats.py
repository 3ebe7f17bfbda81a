"""Bookings by state: of the whole book or a period, together or by doctor or day."""

import datetime as dt

from booking_cli.db.connections import Row
from booking_cli.db.transaction import Transaction
from booking_cli.domain.models import DayStats, DoctorStats, Stats, StatusStats
from booking_cli.session import Book

LONG_SECONDS = 300


def overall(book: Book, starts_from: dt.datetime | None, starts_before: dt.datetime | None) -> Stats:
    """Return the bookings whose slot starts in the period, by state."""
    period = {"starts_from": starts_from, "starts_before": starts_before}

    def work(tx: Transaction) -> Row | None:
        if starts_from is None and starts_before is None:
            return tx.one("stats.overall")
        return tx.one("stats.of_period", period)

    row = book.database.read(work, timeout_seconds=LONG_SECONDS)
    assert row is not None
    return Stats(**row)


def by_status(book: Book, starts_from: dt.datetime | None, starts_before: dt.datetime | None) -> list[StatusStats]:
    """Return the same with a row for each state."""
    counts = overall(book, starts_from, starts_before)
    nothing = {"confirmed": 0, "pending": 0, "failed": 0, "cancelled": 0}
    return [
        StatusStats(status=name.upper(), **{**nothing, name: getattr(counts, name)}, total=getattr(counts, name))
        for name in nothing
    ]


def by_doctor(book: Book, starts_from: dt.datetime | None, starts_before: dt.datetime | None) -> list[DoctorStats]:
    """Return the same for each doctor with bookings in the period, by name."""
    period = {"starts_from": starts_from, "starts_before": starts_before}
    found = book.database.read(lambda tx: tx.all("stats.by_doctor", period), timeout_seconds=LONG_SECONDS)
    return [DoctorStats(**row) for row in found]


def by_day(book: Book, starts_from: dt.datetime | None, starts_before: dt.datetime | None) -> list[DayStats]:
    """Return the same for each day with bookings, on the clinic's calendar."""
    period = {"starts_from": starts_from, "starts_before": starts_before, "timezone": book.zone.key}
    found = book.database.read(lambda tx: tx.all("stats.by_day", period), timeout_seconds=LONG_SECONDS)
    return [DayStats(**row) for row in found]
