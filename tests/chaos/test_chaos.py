"""A short chaos run as part of the suite, and runs on broken products that must not pass."""

import os
import subprocess

from tests.chaos.crowd import Size
from tests.chaos.freezing import freeze
from tests.chaos.nemesis import FAULTS
from tests.chaos.run import Plan, run

EIGHT_THREADS = Size(pooled=0, single=8, processes=0, batches=0)


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


def test_it_is_noticed_where_files_book_a_slot_twice():
    spoil = ["DROP INDEX booking.bookings_one_active_per_slot"]
    size = Size(pooled=0, single=0, processes=0, batches=4)
    report = run(Plan(seed="files", seconds=2, size=size, faults=[], spoil=spoil))
    assert {"double", "verify"} <= kinds_of(report)


def test_it_is_noticed_where_a_doctor_who_takes_no_appointments_is_booked_all_the_same():
    spoil = [
        "CREATE FUNCTION booking.stay_active() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN UPDATE booking.doctors SET active = true WHERE id = NEW.id; RETURN NULL; END'",
        "CREATE TRIGGER stay_active AFTER UPDATE ON booking.doctors FOR EACH ROW WHEN (NOT NEW.active) "
        "EXECUTE FUNCTION booking.stay_active()",
    ]
    report = run(Plan(seed="inactive", seconds=4, size=EIGHT_THREADS, faults=[], spoil=spoil))
    assert "inactive" in kinds_of(report)


def test_it_is_noticed_where_what_was_acknowledged_does_not_survive_the_server():
    # The server answers COMMIT before anything is on the disk.
    spoil = ["ALTER SYSTEM SET wal_writer_delay = '10s'", "ALTER DATABASE booking SET synchronous_commit = off"]
    report = run(Plan(seed="lost", seconds=8, size=EIGHT_THREADS, faults=["kill_server"], spoil=spoil))
    assert "lost" in kinds_of(report)


def test_a_process_that_was_frozen_goes_on_by_itself():
    with subprocess.Popen(["sleep", "0.1"]) as process:
        assert freeze(process.pid, 0.5)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert process.wait(timeout=30) == 0
