"""Where it cannot be found out what became of a COMMIT, the command says so and names the one that settles it."""

import shlex
import subprocess

import pytest

from booking_cli.db import runner

pytestmark = pytest.mark.usefixtures("held", "sound_afterwards")

PATIENT = ("--name", "Pat O'Neill", "--email", "pat@example.com")
JSON = ("-o", "json")
LOAD = ("slots", "bulk", "1", "--from", "+20d", "--start", "09:00", "--end", "11:00", *JSON)
# Each command, whether a request id settles it, and how the command ends that settles it: where nothing had been changed,
# and where the change had been made.
COMMANDS = {
    "book": (("book", "4", *PATIENT, *JSON), True, (0, 0)),
    "confirm": (("confirm", "1", *JSON), True, (0, 0)),
    "cancel": (("cancel", "1", "--reason", "is ill", *JSON), True, (0, 0)),
    "expire": (("expire", *JSON), False, (0, 0)),
    "load slots": (LOAD, False, (0, 0)),
    "add a slot": (("slots", "add", "1", "+20d", "09:00", *JSON), False, (0, 4)),
    "delete a slot": (("slots", "delete", "4", *JSON), False, (0, 3)),
    "add a doctor": (
        ("doctors", "add", "--specialization", "x", "--email", "c@x.de", *JSON, "--", "-Cleo"),
        False,
        (0, 4),
    ),
    "change a doctor": (("doctors", "update", "1", "--name", "Cleo", *JSON), False, (0, 0)),
    "delete a doctor": (("doctors", "delete", "2", *JSON), False, (0, 3)),
    "set the clinic": (("clinic", "set", "--name", "New", *JSON), False, (0, 0)),
}


@pytest.fixture
def soon_given_up(monkeypatch):
    monkeypatch.setattr(runner, "RECONNECT_SECONDS", 0.5)


@pytest.mark.parametrize("happened", [False, True], ids=["nothing was changed", "it was made"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.usefixtures("soon_given_up")
def test_where_the_database_stays_away_the_command_is_told_that_settles_it(proxy, booking, sql, command, happened):
    arguments, has_request_id, ends = command
    (proxy.cut_after_commit if happened else proxy.cut_before_commit)(then=proxy.refuse)

    cut_off = booking(*arguments, BOOKING_DATABASE_URL=proxy.url)

    assert (cut_off.status, cut_off.error["code"], cut_off.stdout) == (6, "outcome_unknown", "")
    assert "it is not known whether the change was made" in cut_off.error["message"]
    settling = shlex.split(cut_off.error["message"].partition(": booking ")[2])
    assert ("--request-id" in settling) == has_request_id
    settled = booking(*settling)
    assert settled.status == ends[happened]
    once = booking(*settling)
    if has_request_id:
        assert (once.status, once.stdout) == (0, settled.stdout)
        assert "This request was made before" in once.stderr
        assert sql("SELECT version FROM bookings WHERE id = 1")[0]["version"] <= 2


@pytest.mark.usefixtures("soon_given_up")
def test_a_request_id_that_was_given_is_not_given_twice(proxy, booking):
    proxy.cut_after_commit(then=proxy.refuse)
    ran = booking("confirm", "1", "--request-id=call 7", BOOKING_DATABASE_URL=proxy.url)
    assert ran.status == 6
    assert ran.stderr.rstrip().endswith("booking confirm 1 '--request-id=call 7'")


@pytest.mark.usefixtures("soon_given_up")
def test_the_command_that_settles_it_can_be_pasted_whatever_is_in_it(proxy, booking):
    proxy.cut_after_commit(then=proxy.refuse)
    name = "Zoe\u00ad 'Z' \\Q"  # a soft hyphen cannot be seen
    ran = booking("book", "4", "--name", name, "--email", "z@x.de", BOOKING_DATABASE_URL=proxy.url)
    command = ran.stderr.partition(": booking ")[2]
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {command}"],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    ).stdout.splitlines()
    assert words[:4] == ["book", "4", "--name", name]


def test_what_somebody_else_has_changed_since_is_to_be_looked_at_and_not_repeated(proxy, booking, sql):
    change = "UPDATE doctors SET name = 'Dora', version = version + 1, updated_at = now() WHERE id = 1"
    proxy.cut_after_commit(then=lambda: sql(change))
    ran = booking("doctors", "update", "1", "--name", "Cleo", BOOKING_DATABASE_URL=proxy.url)
    assert ran.status == 6
    assert "look with 'booking doctors show 1'" in ran.stderr
    assert "run this" not in ran.stderr
