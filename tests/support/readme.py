"""The old name of `tests.support.reference`, for tests/fuzz/lines.py."""

from tests.support.reference import leaves as leaves
