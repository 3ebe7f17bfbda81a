"""Commands on a hot standby: those that read have the results of the primary, those that write end with exit status 5."""

import psycopg

from tests.support.cluster import primary_and_standby
from tests.support.commands import READS, listed
from tests.support.waiting import wait_until

MARIA = "--name Maria --email maria@example.org"


def test_reads_work_on_a_hot_standby_and_writes_end_with_status_5(booking, monkeypatch):
    # Servers write messages in many languages.
    monkeypatch.setattr(psycopg.errors.FeatureNotSupported, "__str__", lambda _: "nicht unterstützt")
    with primary_and_standby() as pair:

        def on(server, command):
            return booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=server.url)

        def states():
            with pair.standby.open() as standby:
                return standby.execute("SELECT status FROM bookings").fetchall()

        for command in (
            "doctors add Ana --specialization x --email ana@x.de",
            "slots bulk 1 --from +7d --start 09:00 --end 12:00",
            f"book 1 {MARIA} --hold 60",
        ):
            assert on(pair.primary, command).status == 0
        wait_until(states, "the standby has replayed the booking")

        for command in (*listed(READS), "list --limit 2001"):
            read = on(pair.standby, command)
            assert (read.status, read.stderr) == (0, ""), command
            assert read == on(pair.primary, command)
        writes = (
            "doctors update 1 --name Bo",
            f"book 2 {MARIA}",
            "confirm 1",
            "expire",
            "clinic set --hold 3",
            "db migrate",
        )
        for command in writes:
            rejected = on(pair.standby, command)
            assert (rejected.status, rejected.error["code"]) == (5, "database_unavailable"), command
            assert "standby" in rejected.error["message"], command
        assert states() == [("PENDING",)]
