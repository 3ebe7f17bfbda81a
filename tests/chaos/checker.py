"""Compares the history with the database, and reports every broken promise about bookings, patients and slots.

The checks conclude only what is certain: of operations that ran at the same time either can have been first, and one of unknown
outcome can have happened or not, at any later time. They assume a database that keeps what it committed, clients on one clock,
request ids that are always sent with the same arguments, and merges only of patients of one name.
"""

from collections.abc import Sequence

from tests.chaos import checks_bookings, checks_order, checks_slots
from tests.chaos.history import Operation
from tests.chaos.index import Contents, Index, Violation

CHECKS = (*checks_bookings.CHECKS, *checks_slots.CHECKS, *checks_order.CHECKS)


def violations(operations: Sequence[Operation], contents: Contents, before: Contents) -> list[Violation]:
    """Return every broken promise.

    `contents` is read after every operation has ended and no transaction is in progress, `before` before the first one starts;
    it has doctors and slots only.
    """
    index = Index(operations, contents, before)
    return [violation for check in CHECKS for violation in check(index)]
