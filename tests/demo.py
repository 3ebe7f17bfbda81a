"""The demo: one working day at the real command line, with ten people after one slot. It checks its own outcome.

Run by `make demo`. Every command is printed before it runs. The database is the demo's own, in `.demo`, and begun anew.
"""

import datetime as dt
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
DATA = CHECKOUT / ".demo"
PROGRAM = Path(sys.executable).with_name("booking")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("BOOKING_", "PG"))} | {
    # No settings file of whoever runs this may lead it to another database.
    "HOME": str(DATA),
    "XDG_CONFIG_HOME": str(DATA),
    "BOOKING_DATA_DIR": str(DATA),
    "BOOKING_ACTOR": "demo",
}
DOCTOR = "ana.lima@clinic.example"


def main() -> None:
    start_anew()

    title("Doctors")
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", DOCTOR, "--phone", "+1-555-0100")
    booking("doctors", "add", "Ben Okafor", "--specialization", "Dermatology", "--email", "ben.okafor@clinic.example")
    booking("doctors", "list")

    title("A week of slots, with a lunch break")
    monday = dt.date.today() + dt.timedelta(days=7 - dt.date.today().weekday())
    hours = ("--start", "09:00", "--end", "17:00", "--break", "12:00-13:00")
    week = ("--from", monday, "--to", monday + dt.timedelta(days=6), "--days", "mon-fri", *hours)
    booking("slots", "bulk", DOCTOR, *week)
    again = as_json("slots", "bulk", DOCTOR, *week)
    expect(again["created"] == 0 and again["existing"] == again["planned"], "a second run creates nothing")
    booking("slots", "list", "--date", monday)
    free = [slot["id"] for slot in as_json("slots", "list", "--date", monday)]
    expect(len(free) == 14, "Monday has fourteen free slots")

    title("A patient calls: a hold, then the confirmation")
    booking("book", free[0], "--name", "Maria Silva", "--email", "maria@example.org", "--phone", "+1-555-0101")
    held = as_json("list", "--email", "maria@example.org")[0]
    expect(held["status"] == "PENDING", "the slot is held")
    booking("confirm", held["reference"])

    title("Another one calls off")
    booking("book", free[1], "--name", "Tom Berg", "--email", "tom@example.org", "--confirm")
    booked = as_json("list", "--email", "tom@example.org")[0]
    booking("cancel", booked["reference"], "--reason", "has a cold")
    booking("history", booked["reference"])

    title("A hold that nobody confirms lapses")
    booking("book", free[2], "--name", "Ida Holm", "--email", "ida@example.org", "--hold", "0.01")
    time.sleep(1)
    booking("expire")
    expect(as_json("list", "--email", "ida@example.org")[0]["status"] == "FAILED", "the lapsed hold has failed")
    expect(as_json("slots", "show", free[2])["status"] == "free", "its slot is free again")

    title("Ten people want the same slot at the same time")
    race(free[3])

    title("The day and the numbers")
    booking("slots", "list", "--date", monday, "--status", "all", "--doctor", DOCTOR)
    booking("list", "--date", monday)
    booking("stats")
    booking("verify")

    print("\nEverything went as it should. Its database still runs; go on with it like this:\n")
    print(f"  export BOOKING_DATA_DIR={shlex.quote(str(DATA))} PATH={shlex.quote(str(PROGRAM.parent))}:$PATH")
    print("  booking slots list")
    print("  booking --help")
    print("\nStop it with 'booking db stop'. The next 'make demo' begins with an empty book.")


def race(slot: int) -> None:
    commands = [
        ("book", slot, "--name", f"Patient {number}", "--email", f"patient{number}@example.org")
        for number in range(1, 11)
    ]
    for command in commands:
        announce(command, " &")
    with ThreadPoolExecutor(len(commands)) as threads:
        ended = list(threads.map(run, commands))
    for done in ended:
        print(f"  exit {done.returncode}: {(done.stdout or done.stderr).splitlines()[0]}")
    winners = [done for done in ended if done.returncode == 0]
    taken = [done for done in ended if done.returncode == 4 and "is taken" in done.stderr]
    expect(len(winners) == 1, "exactly one of them has the slot")
    expect(len(taken) == 9, "nine were told that it is taken (exit 4)")
    expect(as_json("slots", "show", slot)["status"] == "held", "the slot is held once")


def start_anew() -> None:
    """Stop the database of an earlier run and remove it."""
    if DATA.exists():
        stopped = run(("db", "stop"))
        if stopped.returncode != 0:
            fail(f"the database of an earlier run cannot be stopped: {stopped.stderr}")
        try:
            shutil.rmtree(DATA)
        except OSError as error:
            fail(f"{DATA} of an earlier run cannot be removed: {error.strerror}")
    DATA.mkdir()


def booking(*arguments: object) -> None:
    """Print a command, run it, and print what it says; it must succeed."""
    print()
    announce(arguments)
    done = run(arguments)
    print(done.stderr + done.stdout, end="", flush=True)
    if done.returncode != 0:
        fail(f"exit status {done.returncode}")


def as_json(*arguments: object) -> Any:
    """Run a command for its data, without printing it."""
    done = run((*arguments, "-o", "json"))
    if done.returncode != 0:
        fail(f"{shlex.join(map(str, arguments))}: exit status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def run(arguments: tuple[object, ...]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        env=ENVIRONMENT,
        cwd=DATA,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def announce(arguments: tuple[object, ...], end: str = "") -> None:
    print(f"$ booking {shlex.join(map(str, arguments))}{end}", flush=True)


def title(text: str) -> None:
    print(f"\n== {text} ==", flush=True)


def expect(holds: bool, what: str) -> None:
    if not holds:
        fail(f"it is not so that {what}")
    print(f"  checked: {what}")


def fail(why: str) -> None:
    sys.exit(f"\nDEMO FAILED: {why}")


main()
