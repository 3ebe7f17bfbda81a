"""A figure, its limit, and how several of them are shown and kept."""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Goal:
    """At least, or at most, some number."""

    bound: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True)
class Figure:
    """What was measured: the median of `rounds`, in the unit that the name says, and what it is compared with."""

    name: str
    what: str
    rounds: Sequence[float]
    goal: Goal | None = None

    @property
    def value(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> str:
        if len(self.rounds) < 2:
            return ""
        return f"{_short(min(self.rounds))} – {_short(max(self.rounds))}"


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return how what was taken in turn compares, round by round: on a shared machine only neighbours do."""
    return [one / other for one, other in zip(above, below, strict=True)]


def in_turn(rounds: int, *takes: Callable[[], float]) -> list[list[float]]:
    """Take each once in every round, and return what each gave."""
    taken: list[list[float]] = [[] for _ in takes]
    for _ in range(rounds):
        for take, values in zip(takes, taken, strict=True):
            values.append(take())
    return taken


def seconds(work: Callable[[], Any]) -> float:
    """Return how long it takes to do some work."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def show(figures: Iterable[Figure], title: str) -> None:
    """Print figures as a table for people."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("figure", "median", "spread", "to reach", "", "what"):
        table.add_column(
            heading, justify="right" if heading in ("median", "to reach") else "left", no_wrap=heading != "what"
        )
    for figure in figures:
        verdict = "" if figure.goal is None else "reached" if figure.goal.is_met(figure.value) else "missed"
        table.add_row(figure.name, _short(figure.value), figure.spread, str(figure.goal or ""), verdict, figure.what)
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)


def keep(figures: Iterable[Figure], path: Path) -> None:
    """Write the medians as one flat object of numbers."""
    path.write_text(json.dumps({figure.name: round(figure.value, 6) for figure in figures}, indent=2) + "\n")


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
