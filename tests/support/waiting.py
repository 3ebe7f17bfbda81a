"""Waits until another process or thread has done something; never for a fixed time."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60


def wait_until(seen: Callable[[], object], what: str) -> None:
    """Return as soon as `seen()` is true; fails after PATIENCE_SECONDS."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < give_up_at, f"timed out waiting until {what}"
        time.sleep(0.01)


def wait_for_lock_waiter(sql: Callable[..., list[dict[str, Any]]]) -> None:
    """Return as soon as a session waits for a lock in the test's database."""
    statement = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    wait_until(lambda: sql(statement), "a session waits for a lock")
