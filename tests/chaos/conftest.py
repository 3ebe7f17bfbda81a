import pytest

from tests.chaos.builder import HistoryBuilder


@pytest.fixture
def clinic():
    """A history of a small clinic, for a test to write and to falsify."""
    return HistoryBuilder()
