"""A primary that dies under load while its standby takes over: what was acknowledged is there, once, and nothing else is."""

import dataclasses
import functools
import subprocess
import threading
import time

import pytest
from psycopg.rows import dict_row

from booking_cli.domain.errors import BookingError, OutcomeUnknown
from booking_cli.domain.references import new_request_id
from booking_cli.domain.validation import BookingKey
from booking_cli.repository import bookings
from booking_cli.repository.bookings import BookingRequest
from tests.conftest import PROGRAM
from tests.support.cluster import primary_and_standby
from tests.support.threads import at_once
from tests.support.waiting import wait_until

CALLERS = 8
TERMINALS = 2
ENOUGH = 200
SLOTS = """
    WITH doctor AS (INSERT INTO doctors (name, specialization, email) VALUES ('Ana', 'x', 'a@x.de') RETURNING id)
    INSERT INTO slots (doctor_id, starts_at, ends_at)
    SELECT id, t, t + interval '5 minutes'
    FROM doctor, generate_series(now() + interval '1 day', now() + interval '60 days', interval '5 minutes') t
    RETURNING id"""
COMMANDS = pytest.mark.parametrize(
    "arguments",
    [("slots", "list"), ("book", 1, "--name", "Pat", "--email", "p@x.de"), ("expire", "--quiet"), ("db", "status")],
    ids=lambda arguments: arguments[0],
)


@pytest.fixture
def pair():
    with primary_and_standby() as servers:
        yield servers


@pytest.fixture
def slots(pair):
    with pair.primary.open() as admin:
        return [row[0] for row in admin.execute(SLOTS).fetchall()]


@pytest.fixture
def book(pair, open_book):
    """The book of whichever of the two can be written to, on a pool of connections."""
    return open_book(pair.url, pool_size=16)


@pytest.fixture
def command(program, pair):
    return functools.partial(program, BOOKING_DATABASE_URL=pair.url)


def by_call(book, what, target, request_id):
    """Book a slot, or confirm or cancel a booking, and return its reference."""
    if what == "book":
        request = BookingRequest(target, "Pat", f"{target}-{request_id}@x.de", None, 60, request_id)
        return bookings.book(book, request).booking.reference
    if what == "confirm":
        bookings.confirm(book, BookingKey(reference=target), request_id)
    else:
        bookings.cancel(book, BookingKey(reference=target), None, request_id)
    return target


def by_command(command, what, target, request_id):
    """Do the same with the program."""
    patient = ("--name", "Pat", "--email", f"{target}-{request_id}@x.de", "--hold", 60) if what == "book" else ()
    ran = command(what, target, *patient, "--request-id", request_id, "-o", "json")
    if ran.status == 0:
        return ran.json["reference"]
    assert ran.status in (4, 5, 6), ran
    raise OutcomeUnknown(request_id) if ran.error["code"] == "outcome_unknown" else BookingError(ran.error["message"])


@dataclasses.dataclass
class Told:
    """What the maker of a request knows: the states of its booking that are possible (None: not made)."""

    slot: int
    possible: set[str | None]
    reference: str | None = None


class Load:
    """People who book, confirm and cancel until it is over; every second of them is after what the others want as well."""

    def __init__(self, ways, slots):
        self.told, self.acknowledged, self.surprises = {}, 0, []
        middle = len(slots) // 2
        self._wanted_by_all, self._own = slots[:middle], iter(slots[middle:])
        self._over = threading.Event()
        self._people = [threading.Thread(target=self._go_on, args=person) for person in enumerate(ways)]

    def __enter__(self):
        for person in self._people:
            person.start()
        return self

    def __exit__(self, failed, *_):
        self._over.set()
        for person in self._people if failed is None else []:  # after a failure they may wait for a server without end
            person.join()

    def until(self, seen, what):
        """Wait until `seen()`, while everybody gets answers that they know what to do with."""
        wait_until(lambda: self.surprises or seen(), what)
        assert self.surprises == []

    def _go_on(self, person, way):
        try:
            for number, slot in enumerate(self._wanted_by_all):
                if self._over.is_set():
                    return
                then = ["leave", "confirm", "cancel"][number % 3]
                self._visit(way, next(self._own), then)
                if person % 2:
                    self._visit(way, slot, then)
        except Exception as surprise:
            self.surprises.append(surprise)

    def _visit(self, way, slot, then):
        request_id = new_request_id()
        told = self.told[request_id] = Told(slot, {None})
        told.reference = self._ask(told, "PENDING", way, "book", slot, request_id)
        if told.reference and then != "leave":
            state = {"confirm": "CONFIRMED", "cancel": "CANCELLED"}[then]
            self._ask(told, state, way, then, told.reference, new_request_id())

    def _ask(self, told, state, way, *what):
        try:
            answer = way(*what)
        except OutcomeUnknown:
            told.possible |= {state}
        except BookingError:
            pass  # refused, too busy, or not reached: nothing was changed
        else:
            told.possible = {state}
            self.acknowledged += 1
            return answer
        return None


def made(node):
    """The bookings of a server by the request that made them, read as a program that knows nothing of booking."""
    with node.open() as connection:
        rows = connection.cursor(row_factory=dict_row).execute("SELECT * FROM bookings").fetchall()
    return {row["request_id"]: row for row in rows}


def waiting_for_the_standby(node):
    with node.open() as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchall()
    return {row[0] for row in rows}


def many_wait_for_the_standby(node, seconds):
    """Tell whether half of the callers wait; or one, where the others keep failing to serialize with what it has in hand."""
    waiting = len(waiting_for_the_standby(node))
    return waiting >= CALLERS // 2 or (waiting and seconds > 5)


def standby_goes(pair):
    """Let no COMMIT be answered from here on, nor reach the standby."""
    pair.standby.server.stop()


def standby_is_not_heard(pair):
    """Let no COMMIT be answered from here on, although the standby gets them all."""
    with pair.primary.open() as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'somebody_else'")
        admin.execute("SELECT pg_reload_conf()")


def standby_has_everything(pair):
    with pair.primary.open() as admin:
        sent = admin.execute("SELECT pg_current_wal_flush_lsn() <= flush_lsn FROM pg_stat_replication").fetchone()
    return sent in ((True,), None)  # or is gone


@pytest.mark.parametrize("last_moment", [standby_goes, standby_is_not_heard])
def test_nothing_acknowledged_is_lost_or_made_twice_when_the_standby_takes_over(
    pair, book, command, slots, last_moment
):
    ways = [functools.partial(by_call, book)] * CALLERS + [functools.partial(by_command, command)] * TERMINALS
    with Load(ways, slots) as load:
        load.until(lambda: load.acknowledged > ENOUGH, "the load is under way")
        last_moment(pair)
        stopped = time.monotonic()
        load.until(lambda: many_wait_for_the_standby(pair.primary, time.monotonic() - stopped), "COMMITs are under way")
        load.until(lambda: standby_has_everything(pair), "the standby has what it gets")
        pair.primary.kill()
        assert command("slots", "list").status == 5
        pair.standby.server.start()
        pair.standby.promote()
        before = load.acknowledged
        load.until(lambda: load.acknowledged > before + ENOUGH, "the load goes on")
    assert load.surprises == []
    found = made(pair.standby)
    assert found.keys() <= load.told.keys()
    for request_id, told in load.told.items():
        row = found.get(request_id, {"status": None, "slot_id": told.slot, "reference": None})
        assert row["status"] in told.possible, (told, row)
        assert (row["slot_id"], told.reference or row["reference"]) == (told.slot, row["reference"])
    verified = command("verify", "-o", "json")
    assert (verified.status, verified.json) == (0, [])


@pytest.fixture(scope="module")
def gap():
    """A standby that has lost its primary and not taken over."""
    with primary_and_standby() as servers:
        servers.primary.kill()
        yield servers


@COMMANDS
def test_in_the_gap_a_command_ends_with_5_and_tells_each_server_and_its_trouble_once(booking, gap, arguments):
    ran = booking(*arguments, "-o", "json", BOOKING_DATABASE_URL=gap.url)
    assert (ran.status, ran.stdout, ran.error["code"]) == (5, "", "database_unavailable")
    message = ran.error["message"]
    for told in (gap.primary.port, "refused", gap.standby.port, "read-only"):
        assert message.count(str(told)) == 1, message


@COMMANDS
def test_a_standby_ends_every_command_with_5_and_says_what_it_is(booking, gap, arguments):
    ran = booking(*arguments, "-o", "json", BOOKING_DATABASE_URL=gap.standby.url)
    assert (ran.status, ran.stdout, ran.error["code"]) == (5, "", "database_unavailable"), ran
    assert "standby" in ran.error["message"]


def end_who_waits_for_the_standby(node):
    """End the one connection whose COMMIT waits: what it committed can be seen then, but only this server has it."""
    [pid] = waiting_for_the_standby(node)
    with node.open() as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [pid])
    wait_until(lambda: made(node), "what it committed is seen")


@pytest.fixture
def stalled(pair, slots):
    """The two servers while the standby is gone, so that no COMMIT on the primary is answered."""
    pair.standby.server.stop()
    return pair


def told_after_the_standby_took_over(servers, call):
    """Return what a call tells that is made while the standby is gone, and told before or after it takes over."""
    outcomes = []
    caller = threading.Thread(target=lambda: outcomes.extend(at_once(call)))
    caller.start()
    wait_until(lambda: outcomes or waiting_for_the_standby(servers.primary), "it is answered, or waits for the standby")
    if not made(servers.primary):
        end_who_waits_for_the_standby(servers.primary)
        wait_until(lambda: outcomes or waiting_for_the_standby(servers.primary), "it is answered, or waits again")
    servers.primary.kill()
    servers.standby.server.start()
    servers.standby.promote()
    caller.join()
    return outcomes


def test_a_booking_whose_commit_broke_is_not_acknowledged_before_the_standby_has_it(stalled, book, slots):
    """What only the primary has is lost with it, although everybody could see it there."""
    told = told_after_the_standby_took_over(stalled, functools.partial(by_call, book, "book", slots[0], "r-1"))
    assert told == [row["reference"] for row in made(stalled.standby).values()]


def by_file(command, path, options, slot):
    """Book with a file of one line, and return the reference that it was given."""
    path.write_text(f"slot_id,name,email,request_id\n{slot},Pat,{slot}-r-1@x.de,r-1\n")
    ran = command("book", "--from", path, *options, "--hold", 60, "-o", "json")
    if ran.status == 0:
        return ran.json[0]["reference"]
    raise BookingError(ran.stderr)


@pytest.mark.parametrize("options", [None, [], ["--atomic"]], ids=["command", "file", "atomic file"])
def test_a_request_that_is_repeated_is_not_acknowledged_before_the_standby_has_its_booking(
    stalled, command, environment, slots, tmp_path, options
):
    patient = ["--name", "Pat", "--email", f"{slots[0]}-r-1@x.de", "--hold", "60", "--request-id", "r-1"]
    settings = {**environment, "BOOKING_DATABASE_URL": stalled.url}
    with subprocess.Popen([PROGRAM, "book", str(slots[0]), *patient], env=settings) as cut_off:
        wait_until(lambda: waiting_for_the_standby(stalled.primary), "its COMMIT waits for the standby")
        cut_off.kill()
    end_who_waits_for_the_standby(stalled.primary)
    again = functools.partial(by_command, command, "book", slots[0], "r-1")
    if options is not None:
        again = functools.partial(by_file, command, tmp_path / "wishes.csv", options, slots[0])
    told = told_after_the_standby_took_over(stalled, again)
    assert told == [row["reference"] for row in made(stalled.standby).values()]


def test_a_standby_that_has_not_taken_over_yet_is_waited_for(pair, slots, open_book, caplog):
    """Where the address does not ask for a server that can be written to, or something before the two chooses one."""
    caplog.set_level("INFO", logger="booking")
    book = open_book(pair.url.partition("?")[0], pool_size=0)
    standby_is_not_heard(pair)
    outcomes = []
    caller = threading.Thread(target=lambda: outcomes.extend(at_once(lambda: by_call(book, "book", slots[0], "r-1"))))
    caller.start()
    wait_until(lambda: waiting_for_the_standby(pair.primary), "its COMMIT waits for the standby")
    wait_until(lambda: standby_has_everything(pair), "the standby has it")
    pair.primary.kill()
    wait_until(lambda: outcomes or "hot standby" in caplog.text, "it is answered, or has met the standby")
    pair.standby.promote()
    caller.join()
    assert outcomes == [row["reference"] for row in made(pair.standby).values()]
