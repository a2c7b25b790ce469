"""What a battery is asked to do over the time ahead: read from a request, checked, and laid out as columns.

Current is positive while charging, and so is power.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prognosis.errors import LoadRefused
from prognosis.forecasting.profile import MAX_POINTS, Profile, ProfileRefused, read_profile

if TYPE_CHECKING:
    import numpy as np

CONSTANTS = ("current", "power")


@dataclass(frozen=True)
class Load:
    """`ahead_time` and `resolution` in s; `constants` by column; `csv` the text of a profile, or empty."""

    ahead_time: float
    resolution: float = 1.0
    constants: dict[str, float] = field(default_factory=dict)
    csv: str = ""

    @property
    def points(self) -> int:
        return points_of(self.ahead_time, self.resolution)

    def description(self) -> dict[str, Any]:
        """What is kept of it as JSON; the text of a profile is kept as a file."""
        return {"ahead_time": self.ahead_time, "resolution": self.resolution, **self.constants}

    @classmethod
    def from_description(cls, description: Mapping[str, Any], csv_text: str = "") -> Load:
        constants = {name: description[name] for name in CONSTANTS if name in description}
        return cls(description["ahead_time"], description["resolution"], constants, csv_text)


def load_from(values: Mapping[str, Any], csv_text: str = "") -> Load:
    """The load that a request describes, as numbers or as text; raises LoadRefused with the complaints of each field.

    With a CSV, `ahead_time` may be left out: then the load lasts as long as the CSV does.
    """
    complaints: dict[str, list[str]] = {}
    ahead_time = _positive(values, "ahead_time", complaints)
    resolution = _positive(values, "resolution", complaints)
    constants = {name: _number(values, name, complaints) for name in CONSTANTS}
    given = {name: value for name, value in constants.items() if value is not None}
    if len(given) > 1:
        complaints.setdefault("power", []).append("Give a current or a power, not both.")
    profile = _profile_checked(csv_text, complaints)
    if profile is not None and given:
        complaints.setdefault("csv", []).append("Give a CSV or a constant, not both.")
    if ahead_time is None and "ahead_time" not in complaints:
        if profile is not None:
            ahead_time = profile.end
        else:
            complaints["ahead_time"] = ["Say how far ahead to forecast, in seconds."]
    if resolution is None:
        resolution = 1.0
    if not complaints and ahead_time is not None:
        _check_extent(ahead_time, resolution, profile, complaints)
    if complaints or ahead_time is None:
        raise LoadRefused(complaints)
    return Load(ahead_time, resolution, given, csv_text if profile is not None else "")


def load_columns(load: Load) -> dict[str, np.ndarray]:
    """`test_time` from 0 to below `ahead_time` in steps of `resolution`, s from the newest estimate, and the profile.

    A value of a CSV holds from its row to the next one, and each point has the mean over its step: so charge and
    energy are the same at every resolution.
    """
    import numpy as np  # noqa: PLC0415  (a web process boots without it)

    columns = {"test_time": np.arange(load.points) * load.resolution}
    for name, value in load.constants.items():
        columns[name] = np.full(load.points, value)
    if load.csv:
        profile = read_profile(load.csv)
        edges = np.append(columns["test_time"], min(load.points * load.resolution, profile.end))
        columns |= {name: profile.means(name, edges) for name in profile.columns}
    return columns


def points_of(ahead_time: float, resolution: float) -> int:
    """How many steps of `resolution` from 0 lie below `ahead_time`; at least 1."""
    points = math.ceil(ahead_time / resolution)
    return points - 1 if points > 1 and (points - 1) * resolution >= ahead_time else points


def _profile_checked(text: str, complaints: dict[str, list[str]]) -> Profile | None:
    if not text.strip():
        return None
    try:
        return read_profile(text)
    except (ProfileRefused, csv.Error) as wrong:
        complaints["csv"] = [str(wrong)]
        return None


def _check_extent(
    ahead_time: float, resolution: float, profile: Profile | None, complaints: dict[str, list[str]]
) -> None:
    if math.isinf(ahead_time):
        complaints["ahead_time"] = ["Say how far ahead to forecast, in seconds: a CSV of one row does not."]
    elif ahead_time / resolution > MAX_POINTS + 1 or points_of(ahead_time, resolution) > MAX_POINTS:
        complaints["resolution"] = [
            f"{ahead_time:g} s in steps of {resolution:g} s are more than {MAX_POINTS:,} points; "
            f"take steps of {_rounded_up(ahead_time / MAX_POINTS)} s or more."
        ]
    elif profile is not None and profile.end < ahead_time:
        complaints["ahead_time"] = [
            f"The CSV ends at {profile.end:g} s, before {ahead_time:g} s; what is asked after that is unknown."
        ]


def _rounded_up(value: float) -> str:
    """Two digits, never below `value`: a step that is named must do."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / unit) * unit:.6g}"


def _positive(values: Mapping[str, Any], name: str, complaints: dict[str, list[str]]) -> float | None:
    value = _number(values, name, complaints)
    if value is not None and value <= 0:
        complaints[name] = [f"{value:g} is not above 0 s."]
    return value


def _number(values: Mapping[str, Any], name: str, complaints: dict[str, list[str]]) -> float | None:
    """A finite number, or None where there is none, or where it was no number and stands among the complaints."""
    given = values.get(name)
    if given is None or given == "":
        return None
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if isinstance(given, bool) or not math.isfinite(value):
        complaints[name] = [f"{str(given)[:40]!r} is no finite number."]
        return None
    return value
