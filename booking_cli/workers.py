"""Threads that work on pieces of something long, a few at a time, with their results in the order of the pieces."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

P = TypeVar("P")
R = TypeVar("R")


class Workers(Generic[P, R]):
    """So many threads that do `work`. They end with the program, even where one of them never comes back."""

    def __init__(self, count: int, work: Callable[[P], R]) -> None:
        self._work = work
        self._pieces: SimpleQueue[tuple[P, Future[R]] | None] = SimpleQueue()
        self._in_hand: deque[Future[R]] = deque()
        # One more than can be worked on: it is made ready meanwhile.
        self._most_in_hand = count + 1
        self._stopped = self._abandoned = False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def results(self, pieces: Iterable[P]) -> Iterator[Future[R]]:
        """Return what becomes of each piece, in their order; no more pieces are taken than there is work for."""
        for piece in pieces:
            result: Future[R] = Future()
            self._in_hand.append(result)
            self._pieces.put((piece, result))
            if len(self._in_hand) >= self._most_in_hand:
                yield self._in_hand.popleft()
        yield from self.rest()

    def rest(self) -> Iterator[Future[R]]:
        """Return what becomes of the pieces that were taken and not returned yet."""
        while self._in_hand:
            yield self._in_hand.popleft()

    def stop(self) -> None:
        """Let no further piece begin; those not begun are cancelled."""
        self._stopped = True

    def abandon(self) -> None:
        """Wait no longer for what is in hand."""
        self._abandoned = True

    def close(self) -> None:
        """Let no further piece begin, and return when those in hand are done, unless they were abandoned."""
        self.stop()
        for _ in self._threads:
            self._pieces.put(None)
        if self._abandoned:
            return
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (task := self._pieces.get()) is not None:
            piece, result = task
            if self._stopped:
                result.cancel()
                continue
            try:
                result.set_result(self._work(piece))
            except BaseException as error:
                result.set_exception(error)
