"""Calls that start at the same time in threads, for races inside one process."""

import threading


def at_once(*calls):
    """Run calls in threads that start together, and return the result or the error of each."""
    ready, outcomes = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number, call):
        ready.wait()
        try:
            outcomes[number] = call()
        except Exception as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=[number, call]) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def kinds(outcomes):
    """Return the type name of each result or error, sorted."""
    return sorted(type(outcome).__name__ for outcome in outcomes)
