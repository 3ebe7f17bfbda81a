"""What looks at the whole book: expiry among all bookings, statistics, and the check of every promise."""

import datetime as dt
from collections.abc import Iterator

import psycopg

from booking_cli.repository import bookings, stats, verify
from tests.bench.figures import Figure, Goal, in_turn, ratios, seconds
from tests.bench.ground import Ground, opened
from tests.bench.processes import peak_mb, program
from tests.bench.raw import psql_ms

ROUNDS = 7
# One expiry takes a tenth longer than the next.
EXPIRIES = 15
_HOLDS = """
    WITH held AS (
        INSERT INTO bookings (reference, slot_id, patient_name, patient_email, request_id, status, hold_expires_at)
        SELECT md5(random()::text), s.id, 'Lapsed', s.id || '@lapsed.example', md5(random()::text), 'PENDING',
               now() - interval '1 hour'
        FROM slots s
        WHERE NOT EXISTS (SELECT FROM bookings b WHERE b.slot_id = s.id)
        LIMIT 1000
        RETURNING id
    )
    INSERT INTO booking_history (booking_id, actor, to_status) SELECT id, 'operator', 'PENDING' FROM held"""
_RAW_EXPIRY = """
    UPDATE bookings SET status = 'FAILED', failed_at = now(), reason = 'hold lapsed', version = version + 1
    WHERE status = 'PENDING' AND hold_expires_at <= now()"""
_RAW_STATS = "SELECT status, count(*) FROM bookings GROUP BY status;"
_RAW_STATS_OF_A_MONTH = """SELECT b.status, count(*) FROM bookings b JOIN slots s ON s.id = b.slot_id
    WHERE s.starts_at >= '{}' AND s.starts_at < '{}' GROUP BY b.status;"""


def figures(ground: Ground, size: str) -> Iterator[Figure]:
    """Take the figures of what looks at the whole book."""
    yield from _expiry(ground, size)
    yield from _statistics(ground, size)
    yield from _verification(ground, size)


def _expiry(ground: Ground, size: str) -> Iterator[Figure]:
    with (
        ground.copy(size) as conninfo,
        opened(conninfo) as book,
        psycopg.connect(conninfo, autocommit=True, options="-c search_path=booking") as raw,
    ):

        def ours() -> float:
            return 1000 * seconds(lambda: bookings.expire(book))

        def limit() -> float:
            return 1000 * seconds(lambda: raw.execute(_RAW_EXPIRY, prepare=False))

        def ours_with_holds() -> float:
            raw.execute(_HOLDS)
            return ours()

        def limit_with_holds() -> float:
            raw.execute(_HOLDS)
            return limit()

        ours(), limit()
        idle, idle_limit = in_turn(50, ours, limit)
        thousand, thousand_limit = in_turn(EXPIRIES, ours_with_holds, limit_with_holds)
    yield Figure("expire_idle_ms", "expire with nothing to do", idle)
    yield Figure("expire_idle_limit_ms", "a raw UPDATE with nothing to do", idle_limit)
    yield Figure("expire_idle_ratio", "the one by the other", ratios(idle, idle_limit), Goal(2))
    yield Figure("expire_1000_ms", "expire with 1,000 lapsed holds", thousand)
    yield Figure("expire_1000_limit_ms", "a raw UPDATE of as many", thousand_limit)
    yield Figure("expire_1000_ratio", "the one by the other", ratios(thousand, thousand_limit), Goal(2))


def _statistics(ground: Ground, size: str) -> Iterator[Figure]:
    conninfo = ground.book(size)
    with opened(conninfo) as book:
        first = dt.datetime.combine(book.today.replace(day=1), dt.time(), book.zone)
        last = first + dt.timedelta(days=30)
        of_a_month = _RAW_STATS_OF_A_MONTH.format(first, last).replace("\n", " ")
        for name, what, period, raw, goal in (
            ("stats", "statistics of everything", (None, None), _RAW_STATS, Goal(1500) if size == "10m" else None),
            ("stats_month", "statistics of a month", (first, last), of_a_month, None),
        ):
            ours, limit = in_turn(
                ROUNDS,
                lambda period=period: 1000 * seconds(lambda: stats.overall(book, *period)),
                lambda raw=raw: psql_ms(conninfo, [raw])[0],
            )
            yield Figure(f"{name}_ms", what, ours, goal)
            yield Figure(f"{name}_limit_ms", "raw SQL for the same", limit)
            yield Figure(f"{name}_ratio", "the one by the other", ratios(ours, limit), Goal(1.3))


def _verification(ground: Ground, size: str) -> Iterator[Figure]:
    conninfo = ground.book(size)
    with opened(conninfo) as book:
        assert verify.violations(book) == []
    peaks: list[float] = []
    [times] = in_turn(
        1 if size == "10m" else 3, lambda: seconds(lambda: peaks.append(peak_mb(program("verify"), conninfo)))
    )
    yield Figure("verify_s", "verify, the whole process", times, Goal(60))
    yield Figure("verify_rss_mb", "its peak memory", peaks, Goal(90))
