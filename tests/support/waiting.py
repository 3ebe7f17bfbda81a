"""Waiting for what another process or thread does: until it is seen, never for a while."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60


def wait_until(seen: Callable[[], object], what: str) -> None:
    """Return as soon as `seen()` is true; fails where it never becomes so."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < give_up_at, f"waited in vain until {what}"
        time.sleep(0.01)


def wait_for_lock_waiter(sql: Callable[..., list[dict[str, Any]]]) -> None:
    """Return as soon as somebody waits for a lock in the test's database."""
    statement = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    wait_until(lambda: sql(statement), "somebody waits for a lock")
