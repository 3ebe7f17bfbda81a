"""Clients: they send requests through the repository, through the import executor, or by running the installed program."""

import dataclasses
import datetime as dt
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from booking_cli.domain.errors import BookingError
from booking_cli.domain.validation import BookingKey, DoctorKey, PatientKey
from booking_cli.importing import executor
from booking_cli.importing.rows import ImportRow
from booking_cli.output.json import dumps
from booking_cli.repository import bookings, doctors, new_bookings, patients, slots
from booking_cli.repository.doctors import DoctorUpdate
from booking_cli.repository.new_bookings import BookingRequest
from booking_cli.session import ClinicSession
from tests.chaos.history import EXIT_STATUSES, History, Ok, Outcome, Rejected, Unknown
from tests.chaos.processes import Processes
from tests.chaos.workload import Request
from tests.conftest import PROGRAM

# Longer than the program takes for all its retries, reconnections and statements.
STUCK_SECONDS = 180
CHUNK = 3

Arguments = Mapping[str, Any]
Client = Callable[[list[Request]], list[Outcome]]  # sends requests once, and returns the outcome of each


class SessionClient:
    """Calls the functions of the repository on an open session."""

    def __init__(self, session: ClinicSession, actor: str, history: History) -> None:
        self._session = dataclasses.replace(session, actor=actor)
        self._history = history

    def __call__(self, requests: list[Request]) -> list[Outcome]:
        return [self._send(request) for request in requests]

    def _send(self, request: Request) -> Outcome:
        try:
            return Ok(json.loads(dumps(_CALLS[request.kind](self._session, request.arguments))))
        except BookingError as error:
            return self._history.error(request.kind, error.code, f"{request}: {error}")


class ImportClient(SessionClient):
    """Books the rows of a file on an open session: in chunks of which two run at a time, or atomically."""

    def __call__(self, requests: list[Request]) -> list[Outcome]:
        rows = [ImportRow(line, _booking_request(request.arguments)) for line, request in enumerate(requests)]
        chunks = [rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]
        # After an error, further chunks are not started, and have no results.
        outcomes: list[Outcome] = [Rejected("busy")] * len(rows)
        try:
            if requests[0].arguments["atomic"]:
                results = executor.book_atomically(self._session, lambda: chunks)
            else:
                results = executor.book_chunks(self._session, iter(chunks), jobs=2)
            for row in itertools.chain.from_iterable(result.rows for result in results):
                ok = Ok({**json.loads(dumps(row)), "id": row.booking_id})
                outcomes[row.line] = self._history.error("book", row.code, f"{row}") if row.code else ok
        except BookingError as error:
            return [self._history.error("book", error.code, f"{requests}: {error}")] * len(rows)
        return outcomes


class ProgramClient:
    """Runs the installed program, and reads its output."""

    def __init__(self, name: str, environment: Mapping[str, str], processes: Processes, history: History) -> None:
        self._name, self._processes, self._history = name, processes, history
        self._environment = {"PATH": os.environ["PATH"], "BOOKING_ACTOR": name, **environment}

    def __call__(self, requests: list[Request]) -> list[Outcome]:
        return [self._send(kind, [*map(str, _COMMANDS[kind](arguments))]) for kind, arguments in requests]

    def _send(self, kind: str, arguments: list[str]) -> Outcome:
        with subprocess.Popen(
            [PROGRAM, *arguments, "-o", "json"],
            env=self._environment,
            cwd=self._environment["HOME"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C in the terminal must not reach it
        ) as process:
            self._processes[self._name] = process
            try:
                stdout, stderr = process.communicate(timeout=STUCK_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                return self._history.bug(f"{arguments} did not end within {STUCK_SECONDS} seconds.")
        report = f"{arguments}: {process.returncode} {stdout} {stderr}"
        if process.returncode == -signal.SIGKILL:
            return Unknown("killed")
        if process.returncode == 0:
            return Ok(json.loads(stdout))
        code = json.loads(stderr.splitlines()[-1])["error"]["code"]
        if EXIT_STATUSES[code] != process.returncode or "Traceback" in stderr:
            return self._history.bug(report)
        return self._history.error(kind, code, report)


def _booking_request(a: Arguments) -> BookingRequest:
    patient = (a["patient_id"], a["patient_name"], a["patient_email"], a["patient_phone"])
    options = {"hold_minutes": a["hold_minutes"], "allow_overlap": a["allow_overlap"]}
    return BookingRequest(a["slot_id"], *patient, request_id=a["request_id"], **options)


def _book(session: ClinicSession, a: Arguments) -> object:
    return new_bookings.book(session, _booking_request(a)).booking


def _add_slots(session: ClinicSession, a: Arguments) -> object:
    doctor = doctors.find_active(session, DoctorKey(id=a["doctor_id"]))
    return slots.add_many(session, doctor, [*map(_instant, a["starts"])], a["minutes"], strict=False)


_instant = dt.datetime.fromisoformat
_CALLS: dict[str, Callable[[ClinicSession, Arguments], object]] = {
    "book": _book,
    "confirm": lambda s, a: bookings.confirm(s, BookingKey(reference=a["reference"]), a["request_id"]).booking,
    "cancel": lambda s, a: bookings.cancel(s, BookingKey(reference=a["reference"]), None, a["request_id"]).booking,
    "expire": lambda s, _: bookings.expire(s),
    "add_slots": _add_slots,
    "update_doctor": lambda s, a: doctors.update(
        s, DoctorKey(id=a["doctor_id"]), DoctorUpdate(active=a["active"]), if_version=None
    ),
    "merge_patients": lambda s, a: patients.merge(s, PatientKey(id=a["patient_id"]), PatientKey(id=a["into_id"])),
}


def _book_command(a: Arguments) -> list[object]:
    hold = ["--confirm"] if a["confirm"] else ["--hold", a["hold_minutes"]]
    contact = ["--email", a["patient_email"]] if a["patient_email"] else ["--phone", a["patient_phone"]]
    patient = ["--patient", a["patient_id"]] if a["patient_id"] else ["--name", a["patient_name"], *contact]
    options = [*patient, *hold, *["--allow-overlap"] * a["allow_overlap"], "--request-id", a["request_id"]]
    return ["book", a["slot_id"], *options]


def _slots_command(a: Arguments) -> list[object]:
    first, end = _instant(a["starts"][0]), _instant(a["starts"][-1]) + dt.timedelta(minutes=a["minutes"])
    hours = ["--start", f"{first:%H:%M}", "--end", f"{end:%H:%M}", "--minutes", a["minutes"]]
    return ["slots", "bulk", a["doctor_id"], "--from", f"{first:%Y-%m-%d}", *hours]


_COMMANDS: dict[str, Callable[[Arguments], list[object]]] = {
    "book": _book_command,
    "confirm": lambda a: ["confirm", a["reference"], "--request-id", a["request_id"]],
    "cancel": lambda a: ["cancel", a["reference"], "--request-id", a["request_id"]],
    "expire": lambda _: ["expire"],
    "add_slots": _slots_command,
    "update_doctor": lambda a: ["doctors", "update", a["doctor_id"], "--active" if a["active"] else "--inactive"],
    "merge_patients": lambda a: ["patients", "merge", a["patient_id"], a["into_id"]],
}
