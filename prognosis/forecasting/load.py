"""What a battery is asked to do over the time ahead: read from a request and checked. Laid out as columns by layout.py.

Current is positive while charging, and so is power.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prognosis.errors import LoadRefused
from prognosis.forecasting import phases as phase_words
from prognosis.forecasting.fields import Complaints, Fields
from prognosis.forecasting.phases import MOST_KEPT_ROWS, Phase, phase_from
from prognosis.forecasting.profile import MAX_POINTS

MOST_PHASES = 100
STEPS_WHERE_NONE_IS_GIVEN = 120
DAY = 86_400.0
SHORTEST_SECONDS = 1e-6
ROUNDING = 1e-9  # of a time: sums of durations are off by less, and no step of a load is so short


@dataclass(frozen=True)
class Load:
    """`ahead_time` and `resolution` in s; `csv` is the text of the only phase's profile where it came as a CSV."""

    ahead_time: float
    resolution: float = 1.0
    phases: tuple[Phase, ...] = field(default=(Phase(),))
    csv: str = ""

    @property
    def points(self) -> int:
        return points_of(self.ahead_time, self.resolution)

    @property
    def is_bare(self) -> bool:
        """Whether it says nothing but how far ahead: time alone."""
        return self.phases == (Phase(),)

    @property
    def spans(self) -> list[tuple[Phase, float, float]]:
        """Each phase with its beginning and end, s."""
        return spans_of(self.phases, self.ahead_time)

    def description(self) -> dict[str, Any]:
        """What is kept of it as JSON; the text of a CSV is kept as a file."""
        extent = {"ahead_time": self.ahead_time, "resolution": self.resolution}
        if len(self.phases) > 1:
            return {**extent, "phases": [phase.description() for phase in self.phases]}
        told = self.phases[0].description()
        if self.csv:
            told.pop("profile", None)
        return {**extent, **told}

    @classmethod
    def from_description(cls, description: Mapping[str, Any], csv_text: str = "") -> Load:
        """Raises LoadRefused for what is no description."""
        return load_from(description, csv_text)


def load_from(
    values: Mapping[str, Any], csv_text: str = "", *, strict: bool = False, resolution: float | None = 1.0
) -> Load:
    """The load that a request describes, as numbers or as text; raises LoadRefused with the complaints of each field.

    With a CSV or with phases, `ahead_time` may be left out: then the load lasts as long as they do. `resolution` is the
    step where none is given; None takes about 120 of them. `strict` refuses a step longer than the whole.
    """
    complaints: Complaints = {}
    fields = Fields(values, complaints)
    ahead_time, step = fields.positive("ahead_time"), fields.positive("resolution")
    found = _phases(fields, csv_text)
    if ahead_time is None and "ahead_time" not in complaints:
        ahead_time = _end_of(found)
        if ahead_time is None and not any(name.startswith(("csv", "profile", "phases")) for name in complaints):
            complaints["ahead_time"] = ["Say how far ahead to forecast, in seconds."]
        elif ahead_time is not None and math.isinf(ahead_time):
            complaints["ahead_time"] = ["Say how far ahead to forecast, in seconds: a CSV of one row does not."]
    if step is None and ahead_time is not None:
        step = resolution or chosen_step(ahead_time)
    if complaints or ahead_time is None or step is None:
        raise LoadRefused(complaints)
    _check_extent(ahead_time, step, fields, strict or len(found) > 1)
    _check_ends(ahead_time, found, fields)
    if complaints:
        raise LoadRefused(complaints)
    return Load(ahead_time, step, found, csv_text if csv_text.strip() else "")


def without_rows(description: Mapping[str, Any]) -> dict[str, Any]:
    """What a description of a load says beside the rows of its profiles."""
    told = {
        name: value
        for name, value in description.items()
        if name != "profile" and not (name == "temperature" and isinstance(value, Mapping))
    }
    if "phases" in told:
        told["phases"] = [without_rows(phase) for phase in told["phases"]]
    return told


def spans_of(phases: tuple[Phase, ...], ahead_time: float) -> list[tuple[Phase, float, float]]:
    """Each phase with its beginning and end, s; an end that differs from `ahead_time` by rounding is that."""
    spans, start = [], 0.0
    for phase in phases:
        end = ahead_time if phase.duration is None else start + phase.duration
        if end >= ahead_time * (1.0 - ROUNDING):
            end = ahead_time
        spans.append((phase, start, end))
        start = end
    return spans


def points_of(ahead_time: float, resolution: float) -> int:
    """How many steps of `resolution` from 0 lie below `ahead_time`; at least 1."""
    points = math.ceil(ahead_time / resolution)
    return points - 1 if points > 1 and (points - 1) * resolution >= ahead_time else points


def chosen_step(ahead_time: float) -> float:
    """Whole days, hours or minutes, or what it takes, so that there are about 120 steps."""
    step = ahead_time / STEPS_WHERE_NONE_IS_GIVEN
    unit = next((unit for unit in (DAY, 3600.0, 60.0, 1.0) if step >= unit), None)
    return step if unit is None else unit * round(step / unit)


def _phases(fields: Fields, csv_text: str) -> tuple[Phase, ...]:
    if not fields.has("phases"):
        alone = phase_from(fields, csv_text)
        return (alone,)
    given = fields.values["phases"]
    others = [name for name in phase_words.FIELDS if fields.has(name)]
    if others or csv_text.strip():
        fields.complain("phases", f"Put {', '.join(others) or 'csv'} into a phase; a load is one or the other.")
    if not isinstance(given, list) or not 0 < len(given) <= MOST_PHASES:
        fields.complain("phases", f'Give 1 to {MOST_PHASES} maps, such as [{{"duration": 86400, "current": 1}}, …].')
        return ()
    found: list[Phase] = []
    for place, each in enumerate(given):
        found.append(_phase(place, each, fields))
        if sum(phase.rows for phase in found) > MOST_KEPT_ROWS:  # no further one is read
            fields.complain(
                f"phases[{place}]",
                f"Up to here the phases have more than {MOST_KEPT_ROWS:,} rows together; give fewer, or one CSV alone.",
            )
            return ()
    return _with_equal_columns(tuple(found), fields)


def _phase(place: int, given: Any, fields: Fields) -> Phase:
    path = f"phases[{place}]"
    if not isinstance(given, Mapping):
        fields.complain(path, "It is no map.")
        return Phase()
    inner = Fields(given, fields.complaints, f"{path}.")
    inner.refuse_others(phase_words.FIELDS)
    csv_text = given.get("csv") or ""
    if not isinstance(csv_text, str):
        inner.complain("csv", "Give the text of a CSV.")
        csv_text = ""
    return phase_from(inner, csv_text)


def _with_equal_columns(phases: tuple[Phase, ...], fields: Fields) -> tuple[Phase, ...]:
    """A column that one phase lacks would be unknown there."""
    known = [(place, phase) for place, phase in enumerate(phases) if not phase.is_recorded]
    for place, phase in known[1:]:
        first, before = known[0]
        if phase.columns != before.columns and not fields.complaints:
            told, other = (", ".join(sorted(each.columns)) or "nothing" for each in (phase, before))
            fields.complain(f"phases[{place}]", f"It names {told}, and phases[{first}] {other}; name the same in each.")
    return phases


def _end_of(phases: tuple[Phase, ...]) -> float | None:
    """Where the load itself ends, s; None where it goes on for ever."""
    last_end = None
    total = 0.0
    for place, phase in enumerate(phases):
        own = phase.duration
        if own is None and phase.profile is not None and phase.repeat is None:
            own = phase.profile.end
        if own is None:
            return None
        total += own
        last_end = total
        if place + 1 < len(phases) and math.isinf(own):
            return None
    return last_end


def _check_extent(ahead_time: float, resolution: float, fields: Fields, strict: bool) -> None:
    if ahead_time < SHORTEST_SECONDS:
        fields.complain("ahead_time", f"{ahead_time:g} s is below {SHORTEST_SECONDS:g} s, the shortest there is.")
    elif ahead_time / resolution > MAX_POINTS + 1 or points_of(ahead_time, resolution) > MAX_POINTS:
        fields.complain(
            "resolution",
            f"{ahead_time:g} s in steps of {resolution:g} s are more than {MAX_POINTS:,} points; "
            f"take steps of {_rounded_up(ahead_time / MAX_POINTS)} s or more.",
        )
    elif strict and resolution > ahead_time:
        fields.complain("resolution", f"A step of {resolution:g} s is longer than the {ahead_time:g} s ahead.")


def _check_ends(ahead_time: float, phases: tuple[Phase, ...], fields: Fields) -> None:
    """Every moment ahead lies in a phase, and every phase knows what is asked up to its end."""
    is_one = len(phases) == 1 and "phases" not in fields.values
    end = 0.0
    for place, (phase, start, end) in enumerate(spans_of(phases, ahead_time)):
        path = "" if is_one else f"phases[{place}]."
        is_last = place == len(phases) - 1
        if phase.duration is None and not is_last:
            fields.complain(f"{path}duration", "Say how long it lasts, in seconds; only the last phase may go without.")
            return
        known_until = start + phase.profile.end if phase.profile is not None and phase.repeat is None else math.inf
        if phase.profile is not None and known_until < end * (1.0 - ROUNDING):
            fields.complain(
                "ahead_time" if is_one else f"{path}duration",
                f"The {'CSV' if is_one else 'profile'} ends at {phase.profile.end:g} s, before {end - start:g} s; "
                "what is asked after that is unknown.",
            )
    if end < ahead_time and not fields.complaints:
        name = "duration" if is_one else "phases"
        fields.complain(name, f"The load ends at {end:g} s, before the {ahead_time:g} s that are asked for.")


def _rounded_up(value: float) -> str:
    """Two digits, never below `value`: a step that is named must do."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / unit) * unit:.6g}"
