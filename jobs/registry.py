"""Which function does a job of which kind, and what a worker does by itself between jobs.

Upper rooms register themselves when they load (their tasks.py); this room never learns who they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.errors import UnknownKind

JobFunction = Callable[..., dict[str, Any] | None]
DutyFunction = Callable[[], bool]
TallyFunction = Callable[[], Mapping[str, int]]


@dataclass(frozen=True)
class JobKind:
    name: str
    title: str
    function: JobFunction


_kinds: dict[str, JobKind] = {}
_duties: dict[str, DutyFunction] = {}
_tallies: list[TallyFunction] = []


def job(name: str, *, title: str) -> Callable[[JobFunction], JobFunction]:
    """Registers `function(report, **arguments) -> result or None` for jobs of kind `name`."""

    def register(function: JobFunction) -> JobFunction:
        _kinds[name] = JobKind(name, title, function)
        return function

    return register


def duty(name: str) -> Callable[[DutyFunction], DutyFunction]:
    """Registers `function() -> found work?`, which every worker calls again and again.

    It is called again at once while it finds work, and after a pause when it does not. It must hold its own claims:
    several workers call it at the same time.
    """

    def register(function: DutyFunction) -> DutyFunction:
        _duties[name] = function
        return function

    return register


def tally(function: TallyFunction) -> TallyFunction:
    """Registers `function() -> {name: count since the process began}`; a worker's row tells it with each heartbeat."""
    _tallies.append(function)
    return function


def tallies() -> dict[str, int]:
    """What this process counted, by all who count."""
    return {name: count for function in _tallies for name, count in function().items()}


def kind_named(name: str) -> JobKind:
    if name not in _kinds:
        raise UnknownKind(name, sorted(_kinds))
    return _kinds[name]


def title_of_kind(name: str) -> str:
    """What people call it; of a kind that nobody registers any more, its name in words."""
    known = _kinds.get(name)
    return known.title if known else name.replace("_", " ")


def kinds() -> list[JobKind]:
    return [_kinds[name] for name in sorted(_kinds)]


def duties() -> dict[str, DutyFunction]:
    return dict(_duties)
