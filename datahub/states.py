"""Whether rows of a battery arrive, measured by its own interval: a code, an age and a sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from django.db.models import F, FloatField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce

from datahub.models import Battery

NEVER, LIVE, LATE, SILENT, FINISHED = "never", "live", "late", "silent", "finished"
WORDS = {NEVER: "No data", LIVE: "Live", LATE: "Late", SILENT: "Silent", FINISHED: "Finished"}
SHAPES = {NEVER: "○", LIVE: "●", LATE: "▲", SILENT: "✕", FINISHED: "■"}

# Both bounds of each pair must be passed: a battery that sends every hour is not late after ten seconds, and one that
# sends every millisecond is not silent after ten.
LATE_INTERVALS, LATE_SECONDS = 2.0, 10.0
SILENT_INTERVALS, SILENT_SECONDS = 10.0, 300.0
SECONDS_A_YEAR = 365.25 * 86400.0
UNKNOWN_INTERVAL = 1.0  # s, for a battery that has sent once


@dataclass(frozen=True)
class DataState:
    """`age` is the time since the newest row came, s; None where there is none."""

    code: str
    sentence: str
    age: float | None = None

    @property
    def word(self) -> str:
        return WORDS[self.code]

    @property
    def shape(self) -> str:
        return SHAPES[self.code]


class Heard(NamedTuple):
    """When rows of a battery came: what its state takes, for pages that look at all batteries."""

    pk: int
    name: str
    rows: int
    dropped_rows: int
    last_received: float | None
    interval_seconds: float | None
    finished_at: datetime | None
    archived_at: datetime | None
    is_simulated: bool
    tags: tuple[str, ...]


def heard_of_all() -> list[Heard]:
    """Every battery, in one query."""
    *plain, _ = Heard._fields
    rows = Battery.objects.order_by().values_list(*plain, Cast("tags", TextField()))
    return [Heard._make((*row[:-1], _tags(row[-1]))) for row in rows]


@lru_cache(maxsize=4096)
def _tags(text: str) -> tuple[str, ...]:
    """Of thousands of batteries most have the same ones, or none."""
    return tuple(json.loads(text))


def data_state(battery: Battery | Heard, now: datetime) -> DataState:
    code = state_code(battery, now.timestamp())
    if code == NEVER or battery.last_received is None:
        return DataState(NEVER, "No rows yet.")
    received = datetime.fromtimestamp(battery.last_received, UTC)
    age = max((now - received).total_seconds(), 0.0)
    if code == FINISHED and battery.finished_at is not None:
        return DataState(code, f"Ended {_moment(battery.finished_at)} after {battery.rows:,} rows.", age)
    if code == SILENT:
        return DataState(code, f"No row since {_moment(received)} ({in_words(age)}).", age)
    interval = battery.interval_seconds or UNKNOWN_INTERVAL
    if code == LATE:
        return DataState(code, f"Last row {in_words(age)} ago; expected every {in_words(interval)}.", age)
    return DataState(code, f"Last row {in_words(age)} ago, every {in_words(interval)}.", age)


def state_code(battery: Battery | Heard, now: float) -> str:
    """The state without its sentence; `now` is Unix time, s."""
    if not battery.rows or battery.last_received is None:
        return NEVER
    if battery.finished_at is not None:
        return FINISHED
    age, interval = now - battery.last_received, battery.interval_seconds or UNKNOWN_INTERVAL
    if age > SILENT_SECONDS and age > SILENT_INTERVALS * interval:
        return SILENT
    return LATE if age > LATE_SECONDS and age > LATE_INTERVALS * interval else LIVE


def in_data_state(batteries: QuerySet[Battery], code: str, now: datetime) -> QuerySet[Battery]:
    """Those of the batteries that `data_state` finds in this state, asked of the database."""
    never = Q(rows=0) | Q(last_received=None)
    if code == NEVER:
        return batteries.filter(never)
    batteries = batteries.exclude(never)
    if code == FINISHED:
        return batteries.exclude(finished_at=None)
    silent = _older_than(SILENT_SECONDS, SILENT_INTERVALS, now)
    late = _older_than(LATE_SECONDS, LATE_INTERVALS, now)
    batteries = batteries.filter(finished_at=None)
    if code == SILENT:
        return batteries.filter(silent)
    if code == LATE:
        return batteries.filter(late).exclude(silent)
    return batteries.exclude(late)


def _older_than(seconds: float, intervals: float, now: datetime) -> Q:
    interval = Coalesce(F("interval_seconds"), Value(UNKNOWN_INTERVAL, FloatField()))
    moment = Value(now.timestamp(), FloatField())
    return Q(last_received__lt=now.timestamp() - seconds) & Q(last_received__lt=moment - interval * intervals)


def in_words(seconds: float) -> str:
    """
    >>> in_words(0.05), in_words(2.2), in_words(130), in_words(11520), in_words(864000), in_words(157869120)
    ('50 ms', '2 s', '2 min', '3 h 12 min', '10 d', '5.0 y')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        minutes = round(seconds / 60)
        return f"{minutes // 60} h {minutes % 60} min"
    if seconds < 2 * SECONDS_A_YEAR:
        return f"{seconds / 86400:.0f} d"
    return f"{seconds / SECONDS_A_YEAR:.1f} y"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
