"""A primary that is killed under load, and its synchronous standby: every acknowledged change is there, once."""

import subprocess
import threading
import time
from dataclasses import dataclass
from functools import partial

import pytest
from psycopg.rows import dict_row

from booking_cli.domain.errors import BookingError, OutcomeUnknown
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import BookingKey
from booking_cli.repository import bookings, new_bookings
from tests.concurrency.booking_requests import request_for
from tests.conftest import PROGRAM
from tests.support.cluster import primary_and_standby
from tests.support.threads import at_once
from tests.support.waiting import wait_until

THREADS = 8
ENOUGH = 200
SLOTS = """
    WITH doctor AS (INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'x', 'a@x.de') RETURNING id)
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT id, t, t + interval '5 minutes'
    FROM doctor, generate_series(now() + interval '1 day', now() + interval '60 days', interval '5 minutes') t
    RETURNING id"""


@pytest.fixture
def pair():
    with primary_and_standby() as servers:
        yield servers


@pytest.fixture
def slots(pair):
    with pair.primary.open() as admin:
        return [row[0] for row in admin.execute(SLOTS).fetchall()]


@pytest.fixture
def command(program, pair):
    return partial(program, BOOKING_DATABASE_URL=pair.url)


def book(session, slot, request_id="r-1"):
    """Book a slot, and return the reference."""
    request = request_for(slot, f"Pat {slot}", request_id=request_id, may_be_replay=True)
    return new_bookings.book(session, request).booking.reference


@dataclass
class Request:
    """A request for a booking, and the states that the booking can have; None is for a booking that was not made."""

    slot: int
    possible: set[str | None]
    reference: str | None = None


class Load:
    """Threads that book, confirm and cancel until the `with` block ends; every second one books the same slots as others."""

    def __init__(self, session, slots):
        self.requests, self.acknowledged, self.failures = {}, 0, []
        middle = len(slots) // 2
        self._session, self._shared, self._own = session, slots[:middle], iter(slots[middle:])
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[number]) for number in range(THREADS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, failed, *_):
        self._over.set()
        for thread in self._threads if failed is None else []:  # after a failure they can wait for a server without end
            thread.join()

    def wait_until(self, seen, what):
        wait_until(lambda: self.failures or seen(), what)
        assert self.failures == []

    def _run(self, number):
        try:
            for round_, slot in enumerate(self._shared):
                if self._over.is_set():
                    return
                for target in [next(self._own), slot] if number % 2 else [next(self._own)]:
                    self._book(target, ["PENDING", "CONFIRMED", "CANCELLED"][round_ % 3])
        except Exception as error:
            self.failures.append(error)

    def _book(self, slot, state):
        request_id, session = new_request_id(), self._session
        request = self.requests[request_id] = Request(slot, {None})
        request.reference = self._send(request, "PENDING", partial(book, session, slot, request_id))
        if request.reference and state != "PENDING":
            key = BookingKey(reference=request.reference)
            change = {"CONFIRMED": bookings.confirm, "CANCELLED": partial(bookings.cancel, reason=None)}[state]
            self._send(request, state, partial(change, session, key, request_id=new_request_id()))

    def _send(self, request, state, call):
        try:
            result = call()
        except OutcomeUnknown:
            request.possible.add(state)
        except BookingError:
            pass  # nothing was changed
        else:
            request.possible = {state}
            self.acknowledged += 1
            return result
        return None


def booked_on(node):
    """Return the bookings of a server by request id, read by plain SQL."""
    with node.open() as connection:
        rows = connection.cursor(row_factory=dict_row).execute("SELECT * FROM bookings").fetchall()
    return {row["request_id"]: row for row in rows}


def waiting_for_standby(node):
    """Return the processes of a server whose COMMIT waits for the standby."""
    with node.open() as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchall()
    return [row[0] for row in rows]


def stop_standby(pair):
    """From here on, no COMMIT is answered or reaches the standby."""
    pair.standby.server.stop()


def ignore_standby(pair):
    """From here on, no COMMIT is answered, although it reaches the standby."""
    with pair.primary.open() as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'another'")
        admin.execute("SELECT pg_reload_conf()")


def is_replicated(pair):
    with pair.primary.open() as admin:
        row = admin.execute("SELECT pg_current_wal_flush_lsn() <= flush_lsn FROM pg_stat_replication").fetchone()
    return row in ((True,), None)  # None: the standby is stopped


@pytest.mark.parametrize("last_moment", [stop_standby, ignore_standby])
def test_failover_under_load_keeps_every_acknowledged_change_once(pair, open_clinic, command, slots, last_moment):
    session = open_clinic(pair.url, pool_size=16)
    with Load(session, slots) as load:
        load.wait_until(lambda: load.acknowledged > ENOUGH, "changes are acknowledged")
        last_moment(pair)
        since = time.monotonic()

        def commits_wait():
            count = len(waiting_for_standby(pair.primary))
            # One is enough where the others retry because of what it has changed.
            return count >= THREADS // 2 or (count and time.monotonic() - since > 5)

        load.wait_until(commits_wait, "COMMITs wait for the standby")
        load.wait_until(lambda: is_replicated(pair), "the standby has what reaches it")
        pair.primary.kill()
        assert command("slots", "list").status == 5
        pair.standby.server.start()
        pair.standby.promote()
        before = load.acknowledged
        load.wait_until(lambda: load.acknowledged > before + ENOUGH, "changes are acknowledged again")
    assert load.failures == []
    found = booked_on(pair.standby)
    assert found.keys() <= load.requests.keys()
    for request_id, request in load.requests.items():
        row = found.get(request_id, {"status": None, "slot_id": request.slot, "reference": None})
        assert row["status"] in request.possible, (request, row)
        assert (row["slot_id"], request.reference or row["reference"]) == (request.slot, row["reference"])
    verified = command("verify", "-o", "json")
    assert (verified.status, verified.json) == (0, [])


def test_command_before_the_promotion_ends_with_5(pair, booking):
    pair.primary.kill()
    for command in ("slots list", "db status", "book 1 --name Pat --email p@x.de", "expire --quiet"):
        ran = booking(*command.split(), "-o", "json", BOOKING_DATABASE_URL=pair.url)
        assert (ran.status, ran.stdout, ran.error["code"]) == (5, "", "database_unavailable")
        for text in (pair.primary.port, "refused", pair.standby.port, "read-only"):
            assert ran.error["message"].count(str(text)) == 1


def result_after_failover(servers, call):
    """Return the result of a call that begins while the standby is stopped, and gets its answer before or after a failover.

    The first connection whose COMMIT waits is broken: its change is visible, and only the primary has it.
    """
    outcomes = []
    caller = threading.Thread(target=lambda: outcomes.extend(at_once(call)))
    caller.start()
    wait_until(lambda: outcomes or waiting_for_standby(servers.primary), "it is answered, or waits for the standby")
    if not booked_on(servers.primary):
        break_waiting_commit(servers.primary)
        wait_until(lambda: outcomes or waiting_for_standby(servers.primary), "it is answered, or waits again")
    servers.primary.kill()
    servers.standby.server.start()
    servers.standby.promote()
    caller.join()
    return outcomes


def break_waiting_commit(node):
    [pid] = waiting_for_standby(node)
    with node.open() as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [pid])
    wait_until(lambda: booked_on(node), "the change is visible")


def test_booking_whose_commit_broke_is_not_acknowledged_before_the_standby_has_it(pair, open_clinic, slots):
    session = open_clinic(pair.url, pool_size=16)
    stop_standby(pair)
    outcomes = result_after_failover(pair, partial(book, session, slots[0]))
    assert outcomes == [row["reference"] for row in booked_on(pair.standby).values()]


@pytest.mark.parametrize("options", [None, [], ["--atomic"]], ids=["command", "file", "atomic file"])
def test_repeated_request_is_not_acknowledged_before_the_standby_has_its_booking(
    pair, command, environment, slots, tmp_path, options
):
    stop_standby(pair)
    path = tmp_path / "bookings.csv"
    path.write_text(f"slot_id,name,email,request_id\n{slots[0]},Pat,pat@example.org,r-1\n")
    one = ["book", str(slots[0]), "--name", "Pat", "--email", "pat@example.org", "--request-id", "r-1", "-o", "json"]
    with subprocess.Popen([PROGRAM, *one], env={**environment, "BOOKING_DATABASE_URL": pair.url}) as cut_off:
        wait_until(lambda: waiting_for_standby(pair.primary), "its COMMIT waits for the standby")
        cut_off.kill()
    break_waiting_commit(pair.primary)
    again = one if options is None else ["book", "--from", path, *options, "-o", "json"]
    [ran] = result_after_failover(pair, partial(command, *again))
    assert ran.status == 0, ran
    results = [ran.json] if options is None else ran.json
    assert [row["reference"] for row in results] == [row["reference"] for row in booked_on(pair.standby).values()]


def test_standby_that_is_not_promoted_yet_is_waited_for(pair, slots, open_clinic, caplog):
    """Where the address does not ask for a server that accepts writes, or a proxy chooses the server."""
    caplog.set_level("INFO", logger="booking")
    session = open_clinic(pair.url.partition("?")[0], pool_size=0)
    ignore_standby(pair)
    outcomes = []
    caller = threading.Thread(target=lambda: outcomes.extend(at_once(partial(book, session, slots[0]))))
    caller.start()
    wait_until(lambda: waiting_for_standby(pair.primary), "its COMMIT waits for the standby")
    wait_until(lambda: is_replicated(pair), "the standby has it")
    pair.primary.kill()
    wait_until(lambda: outcomes or "hot standby" in caplog.text, "it is answered, or connects to the standby")
    pair.standby.promote()
    caller.join()
    assert outcomes == [row["reference"] for row in booked_on(pair.standby).values()]
