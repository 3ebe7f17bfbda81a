"""The demo: a working day at the real command line, which checks its own outcome. Run by `make demo`.

Every command is printed before it runs. The database is the demo's own, in `.demo`, and is created anew.
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
    # The user's settings file must not select another database.
    "HOME": str(DATA),
    "XDG_CONFIG_HOME": str(DATA),
    "BOOKING_DATA_DIR": str(DATA),
    "BOOKING_ACTOR": "demo",
}
ANA, BEN = "ana.lima@clinic.example", "ben.okafor@clinic.example"
MARIA, TOM = "maria@example.org", "+1-555-0177"


def main() -> None:
    remove_earlier_run()

    title("Doctors")
    booking("doctors", "add", "Ana Lima", "--specialization", "Cardiology", "--email", ANA, "--phone", "+1-555-0100")
    booking("doctors", "add", "Ben Okafor", "--specialization", "Dermatology", "--email", BEN)
    booking("doctors", "list")

    title("Slots for a week, with a lunch break")
    monday = dt.date.today() + dt.timedelta(days=7 - dt.date.today().weekday())
    hours = ("--start", "09:00", "--end", "17:00", "--break", "12:00-13:00")
    week = ("--from", monday, "--to", monday + dt.timedelta(days=6), "--days", "mon-fri", *hours)
    booking("slots", "bulk", ANA, *week)
    again = as_json("slots", "bulk", ANA, *week)
    check(again["created"] == 0 and again["existing"] == again["planned"], "a second run creates nothing")
    booking("slots", "bulk", BEN, "--from", monday, "--start", "09:00", "--end", "12:00")
    booking("slots", "list", "--specialization", "cardiology", "--limit", 5)
    free = [slot["id"] for slot in as_json("slots", "list", "--date", monday, "--doctor", ANA)]
    check(len(free) == 14, "Monday has fourteen free slots")

    title("A patient calls: a hold, then the confirmation")
    booking("book", free[0], "--name", "Maria Silva", "--email", MARIA, "--phone", "+1-555-0101")
    held = as_json("list", "--email", MARIA)[0]
    check(held["status"] == "PENDING", "the slot is held")
    booking("confirm", held["reference"])

    title("A patient without an email address")
    booking("book", free[1], "--name", "Tom Berg", "--phone", TOM, "--confirm")
    booking("patients", "show", TOM)
    coming = as_json("patients", "show", TOM)["coming"]
    check([one["status"] for one in coming] == ["CONFIRMED"], "the phone number finds the patient and the booking")

    title("A registered patient, and a time at which she has another booking")
    same_time = as_json("slots", "list", "--date", monday, "--doctor", BEN)[0]["id"]
    booking("book", same_time, "--patient", MARIA, status=4)
    booking("book", free[2], "--patient", MARIA, "--confirm")
    check(len(as_json("patients", "list", "--search", "maria")) == 1, "Maria is registered once")

    title("A cancellation, and a hold that lapses")
    booking("cancel", coming[0]["reference"], "--reason", "has a cold")
    booking("history", coming[0]["reference"])
    booking("book", free[3], "--name", "Ida Holm", "--email", "ida@example.org", "--hold", "0.01")
    time.sleep(1)
    booking("expire")
    check(as_json("list", "--email", "ida@example.org")[0]["status"] == "FAILED", "the hold has lapsed")
    check(as_json("slots", "show", free[3])["status"] == "free", "its slot is free again")

    title("Ten commands book the same slot at the same time")
    race(free[4])

    title("The day and the numbers")
    booking("slots", "list", "--date", monday, "--status", "all", "--doctor", ANA)
    booking("list", "--date", monday)
    booking("stats")
    booking("verify")

    print("\nEvery check passed. The database is still running; to go on with it:\n")
    print(f"  export BOOKING_DATA_DIR={shlex.quote(str(DATA))} PATH={shlex.quote(str(PROGRAM.parent))}:$PATH")
    print("  booking slots list")
    print("  booking --help")
    print("\n'booking db stop' stops it. The next 'make demo' removes it.")


def race(slot: int) -> None:
    commands = [("book", slot, "--name", f"Patient {n}", "--email", f"patient{n}@example.org") for n in range(1, 11)]
    for command in commands:
        announce(command, " &")
    with ThreadPoolExecutor(len(commands)) as threads:
        ended = list(threads.map(run, commands))
    for done in ended:
        print(f"  exit {done.returncode}: {(done.stdout or done.stderr).splitlines()[0]}")
    statuses = sorted(done.returncode for done in ended)
    check(statuses == [0] + [4] * 9, "one command has the slot, and nine were refused (exit status 4)")
    check(as_json("slots", "show", slot)["status"] == "held", "the slot is held once")


def remove_earlier_run() -> None:
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


def booking(*arguments: object, status: int = 0) -> None:
    """Print a command, run it, and print its output; fails unless it ends with `status`."""
    print()
    announce(arguments)
    done = run(arguments)
    print(done.stderr + done.stdout, end="", flush=True)
    if done.returncode != status:
        fail(f"exit status {done.returncode} instead of {status}")


def as_json(*arguments: object) -> Any:
    """Run a command and return its data, without printing it."""
    done = run((*arguments, "-o", "json"))
    if done.returncode != 0:
        fail(f"{shlex.join(map(str, arguments))}: exit status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def run(arguments: tuple[object, ...]) -> "subprocess.CompletedProcess[str]":
    command = [str(PROGRAM), *map(str, arguments)]
    return subprocess.run(
        command, env=ENVIRONMENT, cwd=DATA, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def announce(arguments: tuple[object, ...], end: str = "") -> None:
    print(f"$ booking {shlex.join(map(str, arguments))}{end}", flush=True)


def title(text: str) -> None:
    print(f"\n== {text} ==", flush=True)


def check(holds: bool, what: str) -> None:
    if not holds:
        fail(f"expected: {what}")
    print(f"  checked: {what}", flush=True)


def fail(why: str) -> None:
    sys.exit(f"\nDEMO FAILED: {why}")


main()
