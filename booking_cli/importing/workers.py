"""Threads that work on pieces of something long, a few at a time, with their results in the order of the pieces."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Set
from concurrent.futures import CancelledError, Future
from queue import SimpleQueue
from typing import Generic, TypeVar

from booking_cli import signals as interrupts

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")


class Abandoned(KeyboardInterrupt):
    """Ctrl-C for the second time: nobody knows what becomes of the pieces in hand."""


class Workers(Generic[P, R]):
    """So many threads that do `work`. They end with the program, even where one of them never comes back.

    After a result that `is_last`, no further piece begins. Pieces that share one of their `marks` are not worked on at the
    same time, but one after the other.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[P], R],
        *,
        is_last: Callable[[R], bool],
        marks: Callable[[P], Set[object]],
    ) -> None:
        self._work, self._is_last, self._marks = work, is_last, marks
        self._pieces: SimpleQueue[tuple[P, Future[R]] | None] = SimpleQueue()
        self._in_hand: deque[tuple[Future[R], Set[object]]] = deque()
        # One more than can be worked on: it is made ready meanwhile.
        self._most_in_hand = count + 1
        self._alone = count == 1
        self._taking = threading.Lock()
        self._stopped = self._abandoned = False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def results(self, pieces: Iterator[P]) -> Iterator[R]:
        """Return what becomes of each piece, in their order; no more pieces are taken than there is work for.

        For the main thread: Ctrl-C is heard while it waits, and not while what was returned is shown. After it, or after an
        error of the work or among the pieces, what is in hand is still returned before that is raised; after a second Ctrl-C
        nothing is.
        """
        failure: Exception | None = None
        read: tuple[P, Set[object]] | None = None
        reads, interrupted = True, False
        interrupts.postpone()
        while reads or self._in_hand:
            try:
                if reads and read is None and not self._is_ready():
                    try:
                        piece = _waiting(lambda: next(pieces, None))
                    except Exception as error:
                        piece, failure = None, error
                    read = None if piece is None else (piece, frozenset() if self._alone else self._marks(piece))
                    reads = read is not None
                if read is not None and self._put(*read):
                    read = None
                if reads and read is None and not self._is_ready():
                    continue
                if not self._in_hand:
                    break
                result = _waiting(self._in_hand[0][0].result)
            except KeyboardInterrupt as error:
                if interrupted:
                    self._abandoned = True
                    raise Abandoned from error
                interrupted, read, reads = True, None, False
                self.stop()
                continue
            except CancelledError:
                self._in_hand.popleft()
                continue
            except Exception as error:
                self._in_hand.popleft()
                # Of more weight than an error among the pieces: nobody knows what it left undone.
                failure, read, reads = error, None, False
                continue
            # Only now: what was interrupted while it waited is waited for once more.
            self._in_hand.popleft()
            if self._is_last(result):
                read, reads = None, False
            yield result
        if failure is not None:
            raise failure
        if interrupted:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Let no further piece begin; those not begun are cancelled."""
        self._stopped = True

    def close(self) -> None:
        """Let no further piece begin, and return when those in hand are done, unless they were abandoned."""
        self.stop()
        for _ in self._threads:
            self._pieces.put(None)
        if self._abandoned:
            return
        for thread in self._threads:
            thread.join()

    def _is_ready(self) -> bool:
        return bool(self._in_hand) and self._in_hand[0][0].done()

    def _put(self, piece: P, marks: Set[object]) -> bool:
        """Give a piece to the threads where there is room for it, and tell whether there was."""
        if self._is_ready() or len(self._in_hand) >= self._most_in_hand:
            return False
        if any(not marks.isdisjoint(others) for _, others in self._in_hand):
            return False
        result: Future[R] = Future()
        self._in_hand.append((result, marks))
        self._pieces.put((piece, result))
        return True

    def _run(self) -> None:
        while True:
            with self._taking:  # so that pieces begin in their order, and none after the last
                task = self._pieces.get()
                if task is None:
                    return
                piece, result = task
                if self._stopped:
                    result.cancel()
                    continue
            try:
                done = self._work(piece)
                if self._is_last(done):
                    self.stop()
            except BaseException as error:
                self.stop()
                result.set_exception(error)
                continue
            result.set_result(done)


def _waiting(wait: Callable[[], T]) -> T:
    """Wait for something, and hear of Ctrl-C meanwhile."""
    try:
        interrupts.release()
        return wait()
    finally:
        interrupts.postpone()
