"""A figure, its goal, and how figures are compared and printed."""

import operator
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_COMPARE = {"≥": operator.ge, "≤": operator.le, "=": operator.eq}


@dataclass(frozen=True)
class Figure:
    """The median of what several rounds measured, in the unit that the name ends with, and a goal such as `≤ 1.3`."""

    name: str
    what: str
    rounds: Sequence[float]
    goal: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        spread = f"{_short(min(self.rounds))} – {_short(max(self.rounds))}" if len(self.rounds) > 1 else ""
        verdict = ""
        if self.goal:
            sign, bound = self.goal.split()
            verdict = "met" if _COMPARE[sign](self.value, float(bound)) else "missed"
        return f"{self.name:<26} {_short(self.value):>8}  {spread:<18} {self.goal:<7} {verdict:<7} {self.what}"


def compared(
    name: str, unit: str, ours: tuple[str, Sequence[float]], limit: tuple[str, Sequence[float]], goal: str
) -> Iterator[Figure]:
    """Yield three figures: ours, its limit, and their ratio; each is given as what it is, and its rounds."""
    yield Figure(f"{name}_{unit}", *ours)
    yield Figure(f"{name}_limit_{unit}", *limit)
    yield Figure(f"{name}_ratio", f"{name}_{unit} divided by {name}_limit_{unit}", ratios(ours[1], limit[1]), goal)


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Return the ratio of each round: on a shared machine only neighbouring measurements are comparable."""
    return [one / other for one, other in zip(numerators, denominators, strict=True)]


def alternate(rounds: int, *measurements: Callable[[], Any]) -> list[list[Any]]:
    """Take each measurement once in every round, and return the values of each."""
    return [list(values) for values in zip(*([take() for take in measurements] for _ in range(rounds)), strict=True)]


def seconds(work: Callable[[], Any]) -> float:
    """Return how long some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
