"""The whole fleet in a few queries: what is known of every battery, who of them is chosen, and in which order.

However many batteries there are, each is a few numbers here; what a page shows of its 50 is asked for them alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from datahub import states
from datahub.models import Battery
from rovi_site.pages.health import trouble_of_estimators
from rovi_site.pages.words import Badge, data_badge
from twin.health import Newest, newest_of_fleet

SHARED_SECONDS = 1.0
NOTHING = Newest(None, None)
# The address's word to the state.
DATA_FILTERS = {states.WORDS[code].lower(): code for code in ("live", "late", "silent", "finished", "never")}
FILTERS = ("q", "data", "simulated", "tag", "soh", "need", "archived")


@dataclass(frozen=True)
class Trouble:
    """Why a battery needs a person; `rank` 0 is the worst. Where its data are the reason, the words come when shown."""

    rank: int
    battery_id: int
    name: str
    reason: Badge | states.Heard

    def order(self) -> tuple[int, str]:
        return self.rank, self.name

    def badge(self, now: datetime) -> Badge:
        return self.reason if isinstance(self.reason, Badge) else data_badge(self.reason, now)


@dataclass(frozen=True)
class Fleet:
    """Every battery; `heard`, `codes` and `troubles` leave the archived ones out."""

    now: datetime
    heard: list[states.Heard]
    archived: list[states.Heard]
    codes: Mapping[int, str]
    newest: Mapping[int, Newest]
    troubles: list[Trouble]
    needing: set[int] = field(default_factory=set)

    def shares(self) -> list[float]:
        """SOH of those where it is known."""
        return [soh for battery in self.heard if (soh := self.newest.get(battery.pk, NOTHING).soh) is not None]

    def tags(self) -> list[str]:
        return sorted({tag for battery in self.heard for tag in battery.tags})


_lock = threading.Lock()
_shared: tuple[float, Fleet] | None = None


def fleet_now(is_shared: bool = False) -> Fleet:
    """The fleet in three queries. With `is_shared` one look serves all who ask within a second.

    That is for pages which keep themselves true: a hundred who watch cost the database as much as one.
    """
    global _shared
    if not is_shared:
        return _look()
    with _lock:
        if _shared is None or time.monotonic() - _shared[0] > SHARED_SECONDS:
            _shared = time.monotonic(), _look()
        return _shared[1]


def _look() -> Fleet:
    now = timezone.now()
    everything = states.heard_of_all()
    heard = [battery for battery in everything if battery.archived_at is None]
    moment = now.timestamp()
    codes = {battery.pk: states.state_code(battery, moment) for battery in heard}
    troubles = list(_troubles(heard, codes))
    return Fleet(
        now=now,
        heard=heard,
        archived=[battery for battery in everything if battery.archived_at is not None],
        codes=codes,
        newest=newest_of_fleet(),
        troubles=troubles,
        needing={trouble.battery_id for trouble in troubles},
    )


def _troubles(batteries: Iterable[states.Heard], codes: Mapping[int, str]) -> Iterable[Trouble]:
    """By rank: silent, failed, inconsistent, stale, late."""
    names = {battery.pk: battery.name for battery in batteries}
    for battery in batteries:
        code = codes[battery.pk]
        if code == states.SILENT:
            yield Trouble(0, battery.pk, battery.name, battery)
        elif code == states.LATE:
            yield Trouble(4, battery.pk, battery.name, battery)
    for battery_id, rank, badge in trouble_of_estimators():
        if battery_id in names:
            yield Trouble(rank, battery_id, names[battery_id], badge)


def rows_a_second(fleet: Fleet) -> float:
    """What the live ones send together, by the interval of each."""
    live = (battery for battery in fleet.heard if fleet.codes[battery.pk] == states.LIVE)
    return sum(1.0 / battery.interval_seconds for battery in live if battery.interval_seconds)


# --- choosing and sorting --------------------------------------------------------------------------------------------
def chosen_of(fleet: Fleet, query: QueryDict) -> list[states.Heard]:
    """Those that the address asks for. Text is looked for by the database, in names, descriptions and ids."""
    found: Iterable[states.Heard] = fleet.archived if query.get("archived") else fleet.heard
    for test in _tests(fleet, query):
        found = filter(test, found)
    return list(found)


def _tests(fleet: Fleet, query: QueryDict) -> Iterable[Callable[[states.Heard], bool]]:
    if text := query.get("q", "").strip():
        matching = _matching(text)
        yield lambda battery: battery.pk in matching
    if (code := DATA_FILTERS.get(query.get("data", ""))) and not query.get("archived"):
        yield lambda battery: fleet.codes[battery.pk] == code
    if (simulated := query.get("simulated")) in ("yes", "no"):
        yield lambda battery: battery.is_simulated == (simulated == "yes")
    if tag := query.get("tag"):
        yield lambda battery: tag in battery.tags
    if query.get("need"):
        yield lambda battery: battery.pk in fleet.needing
    if (bounds := soh_bounds(query.get("soh", ""))) is not None:
        low, high = bounds
        yield lambda battery: (soh := fleet.newest.get(battery.pk, NOTHING).soh) is not None and low <= 100 * soh < high


def _matching(text: str) -> set[int]:
    matches = Q(name__icontains=text) | Q(description__icontains=text)
    number = text.removeprefix("#")
    if number.isdecimal() and len(number) < 18:
        matches |= Q(pk=int(number))
    return set(Battery.objects.filter(matches).order_by().values_list("pk", flat=True))


def soh_bounds(text: str) -> tuple[float, float] | None:
    """Percent, half open; either may be left out.

    >>> soh_bounds("87-88"), soh_bounds("-70"), soh_bounds("110-"), soh_bounds("much")
    ((87.0, 88.0), (-inf, 70.0), (110.0, inf), None)
    """
    low, dash, high = text.partition("-")
    try:
        bounds = float(low or "-inf"), float(high or "inf")
    except ValueError:
        return None
    return bounds if dash and text != "-" else None


def _by_name(fleet: Fleet, battery: states.Heard) -> Any:
    return battery.name


# The address's word for a column to what it is sorted by; None comes last, whichever way.
SORTS: dict[str, Callable[[Fleet, states.Heard], Any]] = {
    "name": _by_name,
    "soc": lambda fleet, battery: fleet.newest.get(battery.pk, NOTHING).soc,
    "soh": lambda fleet, battery: fleet.newest.get(battery.pk, NOTHING).soh,
    "rows": lambda fleet, battery: battery.rows - battery.dropped_rows,
    "last": lambda fleet, battery: battery.last_received,
}


def sorted_by(fleet: Fleet, batteries: list[states.Heard], sort: str) -> list[states.Heard]:
    """By a column of the address, `-soh` the greatest first; equal ones by name."""
    key = SORTS.get(sort.lstrip("-"), _by_name)
    valued = [(key(fleet, battery), battery) for battery in sorted(batteries, key=lambda battery: battery.name)]
    known = [pair for pair in valued if pair[0] is not None]
    unknown = [battery for value, battery in valued if value is None]
    known.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))
    return [battery for _, battery in known] + unknown
