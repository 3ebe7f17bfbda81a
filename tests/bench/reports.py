"""What reads the whole database: expiry among all bookings, statistics, and verify."""

import datetime as dt
from collections.abc import Callable, Iterator

import psycopg

from booking_cli.domain.dates import Period
from booking_cli.repository import bookings, stats
from tests.bench.figures import Figure, alternate, compared, seconds
from tests.bench.fixtures import BenchServer, open_clinic
from tests.bench.raw_sql import insert_bookings, psql_ms
from tests.bench.startup import program, run

ROUNDS = 7
_LAPSED_HOLDS = insert_bookings("""
    SELECT s.id, s.starts_at, s.ends_at, 'lapsed-' || s.id AS name, now() - interval '1 hour' AS hold_expires_at
    FROM slots s
    WHERE NOT EXISTS (SELECT FROM bookings b WHERE b.slot_id = s.id)
    LIMIT 1000""")
_RAW_EXPIRY = """
    UPDATE bookings SET status = 'FAILED', failed_at = now(), reason = 'hold lapsed', version = version + 1
    WHERE status = 'PENDING' AND hold_expires_at <= now()"""
_RAW_STATS = "SELECT status, count(*) FROM bookings GROUP BY status;"
_RAW_STATS_OF_A_MONTH = """SELECT b.status, count(*) FROM bookings b JOIN slots s ON s.id = b.slot_id \
    WHERE s.starts_at >= '{}' AND s.starts_at < '{}' GROUP BY b.status;"""


def figures(server: BenchServer, size: str) -> Iterator[Figure]:
    """Take the figures of expire, stats and verify."""
    yield from _expiry(server, size)
    yield from _statistics(server, size)
    [costs] = alternate(1 if size == "10m" else 3, lambda: run(program("verify"), server.filled(size)))
    yield Figure("verify_s", "verify, the whole process", [cost.ms / 1000 for cost in costs], "≤ 60")
    yield Figure("verify_rss_mb", "its peak memory", [cost.mb for cost in costs], "≤ 90")


def _expiry(server: BenchServer, size: str) -> Iterator[Figure]:
    with (
        server.copy(size) as conninfo,
        open_clinic(conninfo) as session,
        psycopg.connect(conninfo, autocommit=True, options="-c search_path=booking") as raw,
    ):

        def ours() -> float:
            return 1000 * seconds(lambda: bookings.expire(session))

        def limit() -> float:
            return 1000 * seconds(lambda: raw.execute(_RAW_EXPIRY, prepare=False))

        def with_holds(expire: Callable[[], float]) -> float:
            raw.execute(_LAPSED_HOLDS)
            return expire()

        ours(), limit()
        for name, holds, (times, limits) in (
            ("expire_idle", "no lapsed hold", alternate(50, ours, limit)),
            ("expire_1000", "1,000 lapsed holds", alternate(15, lambda: with_holds(ours), lambda: with_holds(limit))),
        ):
            what, limit_what = f"expire with {holds}", f"a raw UPDATE with {holds}"
            yield from compared(name, "ms", (what, times), (limit_what, limits), "≤ 2")


def _statistics(server: BenchServer, size: str) -> Iterator[Figure]:
    conninfo = server.filled(size)
    with open_clinic(conninfo) as session:
        first = dt.datetime.combine(session.today.replace(day=1), dt.time(), session.zone)
        last = first + dt.timedelta(days=30)
        of_a_month = _RAW_STATS_OF_A_MONTH.format(first, last)
        for name, what, period, raw in (
            ("stats", "statistics of everything", Period(), _RAW_STATS),
            ("stats_month", "statistics of a month", Period(first, last), of_a_month),
        ):
            times, limits = alternate(
                ROUNDS,
                lambda period=period: 1000 * seconds(lambda: stats.overall(session, period)),
                lambda raw=raw: psql_ms(conninfo, [raw])[0],
            )
            yield from compared(name, "ms", (what, times), ("raw SQL for the same", limits), "≤ 1.3")
            if name == "stats" and size == "10m":
                yield Figure("stats_s", "stats_ms in seconds", [time / 1000 for time in times], "≤ 1.5")
