"""A short chaos run as part of the suite, and runs on broken products that must not pass."""

from tests.chaos.crowd import Size
from tests.chaos.nemesis import FAULTS
from tests.chaos.run import Plan, run

EIGHT_THREADS = Size(pooled=0, single=8, processes=0)


def kinds_of(report):
    print(f"seed          {report.plan.seed}", *report.lines(), sep="\n")
    return {violation.kind for violation in report.violations}


def test_every_promise_is_kept_while_clients_connections_and_servers_die():
    report = run(Plan(seed="one minute", seconds=40))
    assert kinds_of(report) == set()
    assert set(+report.faults) == set(FAULTS)
    assert report.acknowledged.total() > 100
    assert report.refused["slot_taken"] > 0


def test_it_is_noticed_where_nothing_keeps_a_slot_from_being_booked_twice():
    spoil = ["DROP INDEX booking.bookings_one_active_per_slot"]
    report = run(Plan(seed="double", seconds=2, size=EIGHT_THREADS, faults=[], spoil=spoil))
    assert {"double", "verify"} <= kinds_of(report)


def test_it_is_noticed_where_what_was_acknowledged_does_not_survive_the_server():
    # The server answers COMMIT before anything is on the disk.
    spoil = ["ALTER SYSTEM SET wal_writer_delay = '10s'", "ALTER DATABASE booking SET synchronous_commit = off"]
    report = run(Plan(seed="lost", seconds=8, size=EIGHT_THREADS, faults=["kill_server"], spoil=spoil))
    assert "lost" in kinds_of(report)
