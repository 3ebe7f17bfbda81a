"""Items of work in several threads: results in order, nothing lost after an error or Ctrl-C."""

import itertools
import signal
import threading

import pytest

from booking_cli import signals
from booking_cli.importing.executor import Abandoned, in_order
from tests.support.waiting import PATIENCE_SECONDS


@pytest.fixture
def sigint():
    """Handles SIGINT as the program does, and sends it to the main thread."""
    before = signal.getsignal(signal.SIGINT)
    signals.install()
    yield lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def never(_):
    return False


def drain(results):
    """Return the results up to the error with which they end, and that error."""
    done = []
    try:
        done.extend(results)
    except BaseException as error:
        return done, error
    return done, None


def test_results_come_in_the_order_of_the_items():
    second_is_done = threading.Event()

    def work(item):
        if item == 0:
            assert second_is_done.wait(PATIENCE_SECONDS)
        second_is_done.set()
        return item

    assert list(in_order(iter(range(9)), work, 2, is_last=never)) == list(range(9))


@pytest.mark.parametrize("jobs", [1, 3])
def test_up_to_jobs_items_are_in_progress_and_few_are_read_ahead(jobs):
    in_progress, most, read = set(), [], itertools.count()
    full = threading.Barrier(jobs)

    def work(item):
        in_progress.add(item)
        most.append(len(in_progress))
        full.wait(PATIENCE_SECONDS)  # fails unless this many items are in progress together
        in_progress.discard(item)
        return item

    items = (next(read) for _ in range(4 * jobs))
    for result in in_order(items, work, jobs, is_last=never):
        assert next(read) <= 2 * result + jobs + 2  # one for each check here
    assert max(most) <= jobs


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_the_last_result_no_further_item_is_started(jobs):
    started = []

    def work(item):
        started.append(item)
        return item

    done = list(in_order(iter(range(9)), work, jobs, is_last=lambda item: item == 2))
    assert done == sorted(started) == list(range(len(done)))
    assert done[:3] == [0, 1, 2]
    assert len(done) <= 2 + jobs


def test_an_error_of_the_work_is_raised_after_the_results_in_progress():
    both_started, error = threading.Barrier(2), ValueError("bug")

    def work(item):
        both_started.wait(PATIENCE_SECONDS)
        if item == 0:
            raise error
        return item

    assert drain(in_order(iter(range(2)), work, 2, is_last=never)) == ([1], error)


@pytest.mark.parametrize("error", [ValueError("unreadable"), KeyboardInterrupt()], ids=repr)
def test_an_error_or_ctrl_c_while_items_are_read_is_raised_after_the_results_in_progress(error):
    raised = threading.Event()

    def items():
        yield from range(2)
        raised.set()
        raise error

    def work(item):
        assert raised.wait(PATIENCE_SECONDS)
        return item

    assert drain(in_order(items(), work, 3, is_last=never)) == ([0, 1], error)


def test_a_second_ctrl_c_abandons_the_items_in_progress():
    def interrupt(_=None):
        raise KeyboardInterrupt

    # The first while the second item is read, the second while the result of the first item is waited for.
    items = itertools.chain([0], iter(interrupt, None))
    done, error = drain(in_order(items, interrupt, 2, is_last=never))
    assert (done, type(error)) == ([], Abandoned)


@pytest.mark.parametrize("presses", [0, 1])
def test_closing_waits_for_the_items_in_progress(sigint, presses):
    may_finish, finished = threading.Event(), []

    def work(item):
        if item > 0:
            assert may_finish.wait(PATIENCE_SECONDS)
            finished.append(item)

    results = in_order(iter(range(9)), work, 2, is_last=never)
    next(results)
    for _ in range(presses):
        sigint()
    threading.Timer(0.05, may_finish.set).start()
    results.close()
    assert sorted(finished) == [1, 2]


def test_closing_after_a_second_ctrl_c_does_not_wait(sigint):
    may_finish = threading.Event()
    results = in_order(iter(range(9)), lambda item: item == 0 or may_finish.wait(PATIENCE_SECONDS), 2, is_last=never)
    next(results)
    sigint()
    with pytest.raises(KeyboardInterrupt):
        sigint()
    results.close()
    assert not may_finish.is_set()
    may_finish.set()


def test_ctrl_c_while_a_result_is_waited_for_starts_no_further_item(sigint):
    def work(item):
        sigint()
        return item

    done, error = drain(in_order(iter(range(99)), work, 1, is_last=never))
    assert type(error) is KeyboardInterrupt
    assert done in ([0], [0, 1])


def test_ctrl_c_while_a_result_is_used_is_deferred_until_the_next_one_is_waited_for(sigint):
    results = in_order(iter(range(99)), lambda item: item, 2, is_last=never)
    assert next(results) == 0
    sigint()
    done, error = drain(results)
    assert type(error) is KeyboardInterrupt
    assert done in ([1], [1, 2])
