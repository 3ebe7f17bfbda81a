"""A short chaos run without violations, and runs without a guarantee, which must have some."""

from tests.chaos.history import Ok, Rejected
from tests.chaos.run import Plan, run

FAULTS = ["cut_at_commit", "kill_client_at_commit", "terminate_at_commit", "kill_server"]


def kinds_of(report):
    print(*report.lines(), sep="\n")
    return {violation.kind for violation in report.violations}


def test_no_promise_is_broken_under_faults():
    report = run(Plan(seed="short", seconds=4, faults=FAULTS))
    assert kinds_of(report) == set()
    assert {*+report.faults} == {*FAULTS}
    assert report.counted(Ok).total() > 20
    assert report.counted(Rejected)["slot_taken"] > 0
    assert report.counted(Rejected)["patient_overlap"] > 0


def test_missing_constraints_are_noticed():
    sabotage = [
        "DROP INDEX booking.bookings_one_active_per_slot",
        "ALTER TABLE booking.bookings DROP CONSTRAINT bookings_of_a_patient_never_overlap",
    ]
    report = run(Plan(seed="constraints", seconds=1, clients={"single": 4, "import": 1}, faults=[], sabotage=sabotage))
    assert kinds_of(report) == {"double_booking", "patient_overlap", "verify"}


def test_acknowledged_changes_that_do_not_survive_a_crash_are_noticed():
    # The server answers COMMIT before anything is on the disk.
    sabotage = ["ALTER SYSTEM SET wal_writer_delay = '10s'", "ALTER DATABASE booking SET synchronous_commit = off"]
    report = run(Plan(seed="lost", seconds=1, clients={"single": 8}, faults=["kill_server"], sabotage=sabotage))
    assert "lost" in kinds_of(report)
