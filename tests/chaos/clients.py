"""A client: it wants one thing after the other, and repeats what was not decided, as a careful script does."""

import random
import threading
import time
import traceback
from typing import Protocol

from tests.chaos.history import Answer, Done, Operation, Refused, Unknown
from tests.chaos.notes import Notes
from tests.chaos.workload import Request, Stock

TRIES = 6
# What says that the request itself was not decided upon.
TRY_AGAIN = {"busy", "database_unavailable"}


class Caller(Protocol):
    """How a client asks for something."""

    def __call__(self, request: Request) -> Answer:
        """Ask once, and return the answer."""


class BatchCaller(Protocol):
    """How a client asks for many bookings at once."""

    def __call__(self, requests: list[Request]) -> list[Answer]:
        """Ask once for each."""


class Client(threading.Thread):
    """Wants one thing after the other until `enough` is set, and repeats what was not decided, as a careful script does."""

    def __init__(self, name: str, call: Caller, stock: Stock, notes: Notes, seed: str, enough: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._call = call
        self._stock = stock
        self._notes = notes
        self._random = random.Random(f"{seed} {name}")
        self._enough = enough

    def run(self) -> None:
        while not self._enough.is_set():
            self._settle(self._stock.request(self._random))

    def _settle(self, request: Request) -> None:
        for _ in range(TRIES):
            answer = self._ask(request)
            if _is_undecided(answer):
                if self._enough.wait(self._random.uniform(0, 0.2)):
                    return
            # Whoever got an answer and lost it asks again as well.
            elif not (isinstance(answer, Done) and request.repeatable and self._random.random() < 0.05):
                return
            # Some never come back.
            if self._random.random() < 0.15:
                return

    def _ask(self, request: Request) -> Answer:
        answer = ask(self.name, self._call, request, self._notes)
        if isinstance(answer, Done):
            self._stock.learn(request.kind, answer.result)
        return answer


class BatchClient(Client):
    """Wants many bookings at once, as the lines of a file, and runs the file again while any line was not decided."""

    def __init__(
        self, name: str, call: BatchCaller, stock: Stock, notes: Notes, seed: str, enough: threading.Event
    ) -> None:
        super().__init__(name, lambda request: call([request])[0], stock, notes, seed, enough)
        self._call_batch = call

    def run(self) -> None:
        while not self._enough.is_set():
            requests = self._stock.file(self._random)
            for _ in range(TRIES):
                answers = self._ask_all(requests)
                if not any(_is_undecided(answer) for answer in answers) and self._random.random() > 0.05:
                    break
                if self._enough.wait(self._random.uniform(0, 0.2)):
                    return

    def _ask_all(self, requests: list[Request]) -> list[Answer]:
        begun = [self._notes.started() for _ in requests]
        try:
            answers = self._call_batch(requests)
        except Exception:
            answers = [self._notes.bug(f"{self.name} failed at {requests}:\n{traceback.format_exc()}")] * len(requests)
        ended = time.time()
        for (number, started), request, answer in zip(begun, requests, answers, strict=True):
            operation = Operation(number, self.name, request.kind, request.arguments, started, ended, answer)
            self._notes.history.record(operation)
            if isinstance(answer, Done):
                self._stock.learn(request.kind, answer.result)
        return answers


def _is_undecided(answer: Answer) -> bool:
    return isinstance(answer, Unknown) or (isinstance(answer, Refused) and answer.code in TRY_AGAIN)


def ask(name: str, call: Caller, request: Request, notes: Notes) -> Answer:
    """Ask once, and record what came of it."""
    number, started = notes.started()
    try:
        answer = call(request)
    except Exception:
        answer = notes.bug(f"{name} failed at {request}:\n{traceback.format_exc()}")
    notes.history.record(Operation(number, name, request.kind, request.arguments, started, time.time(), answer))
    return answer
