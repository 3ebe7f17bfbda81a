"""How clients ask: threads call the functions of the repository, processes run the installed program."""

import dataclasses
import datetime as dt
import json
import random
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from booking_cli.domain.errors import BookingError
from booking_cli.domain.models import LineAnswer
from booking_cli.domain.validation import BookingKey, DoctorKey
from booking_cli.importing.rows import Wish
from booking_cli.output.json import dumps
from booking_cli.repository import batches, bookings, clinic, doctors, slots
from booking_cli.repository.bookings import BookingRequest
from booking_cli.repository.doctors import DoctorChange
from booking_cli.repository.ways import Apart
from booking_cli.session import Book
from tests.chaos.freezing import freeze
from tests.chaos.history import Answer, Done, Unknown
from tests.chaos.notes import STATUSES, Notes
from tests.chaos.workload import LONG_HOLD, Request

# Longer than the program may take for its repeated attempts, its connections and its statements together.
STUCK_SECONDS = 180


class InThread:
    """Calls the functions of the repository on an open book."""

    def __init__(self, book: Book, actor: str, notes: Notes) -> None:
        self._book = dataclasses.replace(book, actor=actor)
        self._notes = notes

    def __call__(self, request: Request) -> Answer:
        """Ask once, and return the answer."""
        try:
            result = _REPOSITORY[request.kind](self._book, request.arguments)
        except BookingError as error:
            return self._notes.meaning(error.code, f"{request}: {error}")
        return Done(json.loads(dumps(result)))


class InBatches:
    """Books lines of a file on an open book."""

    def __init__(self, book: Book, actor: str, notes: Notes) -> None:
        self._book = dataclasses.replace(book, actor=actor)
        self._way = Apart(book.database)
        self._notes = notes

    def __call__(self, requests: list[Request]) -> list[Answer]:
        """Ask once for each, and return the answers."""
        wishes = [
            Wish(
                number,
                wish["slot_id"],
                wish["patient_name"],
                wish["patient_email"],
                None,
                wish["confirm"],
                wish["request_id"],
                True,
            )
            for number, wish in enumerate((request.arguments for request in requests), start=1)
        ]
        holds = [request.arguments["hold_minutes"] for request in requests]
        hold = next((minutes for minutes in holds if minutes is not None), LONG_HOLD)
        terms = batches.Terms(hold, allow_overlap=requests[0].arguments["allow_overlap"])
        outcome = batches.book(self._way, self._book, wishes, terms)
        return [self._meaning(answer) for answer in outcome.answers]

    def _meaning(self, answer: LineAnswer) -> Answer:
        if answer.code is not None:
            return self._notes.meaning(answer.code, f"{answer}")
        shown = json.loads(dumps(answer))
        return Done({**shown, "id": shown["booking_id"]})


class Processes:
    """The processes that run now, by their client's name, to be killed or stopped for a while."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, process: "subprocess.Popen[str]") -> None:
        """Take note of a client's process, in place of its last one."""
        with self._lock:
            self._running[name] = process

    def kill(self, name: str) -> bool:
        """Kill a client's process, and tell whether it ran."""
        with self._lock:
            process = self._running.get(name)
        if process is None or process.poll() is not None:
            return False
        process.kill()
        return True

    def freeze(self, name: str, seconds: float) -> bool:
        """Let a client's process stand still for so long, and tell whether it ran."""
        with self._lock:
            process = self._running.get(name)
        return process is not None and process.poll() is None and freeze(process.pid, seconds)

    def names(self) -> list[str]:
        """Return the names of the clients that have, or had, a process."""
        with self._lock:
            return [*self._running]

    def kill_any(self, chosen: random.Random) -> bool:
        """Kill the process of some client, and tell whether it ran."""
        names = self.names()
        return bool(names) and self.kill(chosen.choice(names))

    def __contains__(self, name: str) -> bool:
        return name in self._running

    def kill_all(self) -> None:
        """Leave none behind."""
        for name in self.names():
            self.kill(name)


class InProcess:
    """Runs the installed program, and reads what it writes."""

    def __init__(
        self, name: str, program: Path, environment: Mapping[str, str], folder: Path, running: Processes, notes: Notes
    ) -> None:
        self._name = name
        self._program = program
        self._environment = {**environment, "BOOKING_ACTOR": name}
        self._folder = folder
        self._running = running
        self._notes = notes

    def __call__(self, request: Request) -> Answer:
        """Ask once, and return the answer."""
        arguments = _command(request)
        with subprocess.Popen(
            [str(self._program), *map(str, arguments), "-v", "-o", "json"],
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for whoever runs the chaos
        ) as process:
            self._running.add(self._name, process)
            try:
                stdout, stderr = process.communicate(timeout=STUCK_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                return self._notes.bug(f"{arguments} had not ended after {STUCK_SECONDS} seconds.")
        return self._meaning(arguments, process.returncode, stdout, stderr)

    def _meaning(self, arguments: list[object], status: int, stdout: str, stderr: str) -> Answer:
        self._notes.count("retries", stderr.count("trying again"))
        said = f"{arguments} ended with {status}, wrote {stdout!r} and said {stderr!r}"
        if "Traceback" in stderr:
            return self._notes.bug(said)
        if status == -9:
            return Unknown("killed")
        try:
            if status == 0:
                return Done(json.loads(stdout))
            code = json.loads(stderr.splitlines()[-1])["error"]["code"]
        except (ValueError, LookupError, TypeError):
            return self._notes.bug(said)
        if STATUSES.get(code) != status:
            return self._notes.bug(said)
        return self._notes.meaning(code, said)


def _book(book: Book, wish: Mapping[str, Any]) -> object:
    request = BookingRequest(
        slot_id=wish["slot_id"],
        patient_name=wish["patient_name"],
        patient_email=wish["patient_email"],
        patient_phone=None,
        hold_minutes=wish["hold_minutes"],
        request_id=wish["request_id"],
        allow_overlap=wish["allow_overlap"],
    )
    return bookings.book(book, request).booking


def _add_many(book: Book, wish: Mapping[str, Any]) -> object:
    doctor = doctors.find_active(book, DoctorKey(id=wish["doctor_id"]))
    starts = [dt.datetime.fromisoformat(start) for start in wish["starts"]]
    return slots.add_many(book, doctor, starts, wish["minutes"], strict=False)


def _confirm(book: Book, wish: Mapping[str, Any]) -> object:
    return bookings.confirm(book, BookingKey(reference=wish["reference"]), wish["request_id"]).booking


def _cancel(book: Book, wish: Mapping[str, Any]) -> object:
    return bookings.cancel(book, BookingKey(reference=wish["reference"]), None, wish["request_id"]).booking


def _add(book: Book, wish: Mapping[str, Any]) -> object:
    starts_at = dt.datetime.fromisoformat(wish["starts_at"])
    return slots.add(book, DoctorKey(id=wish["doctor_id"]), starts_at, wish["minutes"])


def _add_doctor(book: Book, wish: Mapping[str, Any]) -> object:
    return doctors.add(
        book, name=wish["name"], specialization=wish["specialization"], email=wish["email"], phone=wish["phone"]
    )


def _update_doctor(book: Book, wish: Mapping[str, Any]) -> object:
    return doctors.update(book, DoctorKey(id=wish["doctor_id"]), DoctorChange(**wish["change"]), if_version=None)


_REPOSITORY: dict[str, Callable[[Book, Mapping[str, Any]], object]] = {
    "book": _book,
    "confirm": _confirm,
    "cancel": _cancel,
    "expire": lambda book, _: bookings.expire(book),
    "add_slot": _add,
    "bulk": _add_many,
    "delete_slot": lambda book, wish: slots.delete(book, wish["slot_id"]),
    "add_doctor": _add_doctor,
    "update_doctor": _update_doctor,
    "delete_doctor": lambda book, wish: doctors.delete(book, DoctorKey(id=wish["doctor_id"])),
    "set_clinic": lambda book, wish: clinic.update(book, name=wish["name"], timezone=None, hold_minutes=None),
}


def _command(request: Request) -> list[object]:
    """Return the words of the command line that ask for the same."""
    wish = request.arguments
    match request.kind:
        case "book":
            how = ["--confirm"] if wish["confirm"] else ["--hold", wish["hold_minutes"]]
            overlap = ["--allow-overlap"] * wish["allow_overlap"]
            patient = ["--name", wish["patient_name"], "--email", wish["patient_email"]]
            return ["book", wish["slot_id"], *patient, "--request-id", wish["request_id"], *how, *overlap]
        case "confirm" | "cancel":
            return [request.kind, wish["reference"], "--request-id", wish["request_id"]]
        case "expire":
            return ["expire"]
        case "add_slot":
            start = dt.datetime.fromisoformat(wish["starts_at"])
            return [
                "slots",
                "add",
                wish["doctor_id"],
                f"{start:%Y-%m-%d}",
                f"{start:%H:%M}",
                "--minutes",
                wish["minutes"],
            ]
        case "bulk":
            first, last = (dt.datetime.fromisoformat(wish["starts"][end]) for end in (0, -1))
            end = last + dt.timedelta(minutes=wish["minutes"])
            hours = ["--start", f"{first:%H:%M}", "--end", f"{end:%H:%M}", "--minutes", wish["minutes"]]
            return ["slots", "bulk", wish["doctor_id"], "--from", f"{first:%Y-%m-%d}", *hours]
        case "delete_slot":
            return ["slots", "delete", wish["slot_id"]]
        case "add_doctor":
            phone = ["--phone", wish["phone"]] if wish["phone"] else []
            what = ["--specialization", wish["specialization"], "--email", wish["email"], *phone]
            return ["doctors", "add", wish["name"], *what]
        case "update_doctor":
            change = wish["change"]
            active = ["--active" if change["active"] else "--inactive"] if "active" in change else []
            phone = ["--phone", change["phone"]] if "phone" in change else []
            return ["doctors", "update", wish["doctor_id"], *active, *phone]
        case "delete_doctor":
            return ["doctors", "delete", wish["doctor_id"]]
        case "set_clinic":
            return ["clinic", "set", "--name", wish["name"]]
    raise AssertionError(request.kind)
