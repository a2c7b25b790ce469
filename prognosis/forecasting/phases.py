"""One phase of a load: what is asked from a battery until the next phase begins. Read from a request and checked.

Current is positive while charging, and so is power.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prognosis.forecasting.fields import Fields
from prognosis.forecasting.profile import Profile, ProfileRefused, profile_of_columns, read_profile

DAY, WEEK = 86_400.0, 7 * 86_400.0
PERIODS = {"day": DAY, "week": WEEK}
CONSTANTS = ("current", "power")
SOURCES = ("current", "power", "csv", "profile", "last_days", "dataset")
MODIFIERS = ("temperature", "temperature_offset", "max_c_rate", "repeat")
FIELDS = ("duration", *SOURCES, *MODIFIERS)
MOST_KEPT_ROWS = 10_000  # of a profile that is kept in the record rather than in a file of its own
MOST_DAYS = 3660.0
EXAMPLE_OF_COLUMNS = '{"test_time": [0, 60], "current": [1.5, 0]}'


@dataclass(frozen=True)
class Dataset:
    """A stored window of a battery, this one or another. Times in s of its test_time; None is its first or last row."""

    battery: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Phase:
    """At most one of `constants`, `profile`, `last_days` and `dataset`; with none of them, time alone.

    `profile` begins anew after `repeat` seconds where that is given; what `last_days` and `dataset` find always does.
    """

    duration: float | None = None  # s; None: up to the end of the load
    constants: dict[str, float] = field(default_factory=dict)  # current in A or power in W
    profile: Profile | None = None
    repeat: float | None = None  # s
    last_days: float | None = None
    dataset: Dataset | None = None
    temperature: float | None = None  # °C
    temperature_profile: Profile | None = None  # °C, begins anew after `temperature_period`
    temperature_offset: float = 0.0  # °C
    max_c_rate: float | None = None  # 1/h; what is charged faster is charged later instead

    @property
    def is_recorded(self) -> bool:
        """Whether it stands in stored rows, which are read when the forecast is made."""
        return self.last_days is not None or self.dataset is not None

    @property
    def temperature_period(self) -> float | None:
        """A day where the temperature's rows lie within one, else as long as they last, s; None without rows."""
        if self.temperature_profile is None:
            return None
        return DAY if self.temperature_profile.times[-1] < DAY else self.temperature_profile.end

    @property
    def rows(self) -> int:
        """Of its profiles."""
        return sum(len(profile.times) for profile in (self.profile, self.temperature_profile) if profile is not None)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it is sure to have; of a recorded phase only the rows tell."""
        names = {*self.constants, *(self.profile.columns if self.profile else ())}
        if self.temperature is not None or self.temperature_profile is not None:
            names.add("temperature")
        return frozenset(names)

    def description(self) -> dict[str, Any]:
        """JSON from which `phase_from` makes the same phase again."""
        told: dict[str, Any] = dict(self.constants)
        if self.duration is not None:
            told["duration"] = self.duration
        if self.profile is not None:
            told["profile"] = self.profile.as_lists()
        if self.temperature_profile is not None:
            told["temperature"] = self.temperature_profile.as_lists()
        if self.dataset is not None:
            told["dataset"] = {name: value for name, value in vars(self.dataset).items() if value is not None}
        for name in ("repeat", "last_days", "temperature", "max_c_rate"):
            if getattr(self, name) is not None:
                told[name] = getattr(self, name)
        return told | ({"temperature_offset": self.temperature_offset} if self.temperature_offset else {})


def phase_from(fields: Fields, csv_text: str = "") -> Phase:
    """What stands in the fields; what is wrong with them is among their complaints then, and the phase is none."""
    constants = {name: fields.number(name) for name in CONSTANTS}
    given = {name: value for name, value in constants.items() if value is not None}
    if len(given) > 1:
        fields.complain("power", "Give a current or a power, not both.")
    profile = _profile(fields, csv_text)
    if profile is not None and given:
        fields.complain("csv" if csv_text else "profile", "Give a CSV or a constant, not both.")
    last_days = fields.positive("last_days", " days")
    if last_days is not None and last_days > MOST_DAYS:
        fields.complain("last_days", f"{MOST_DAYS:g} days are the most.")
    dataset = _dataset(fields)
    _one_source(fields, bool(given), profile, last_days, dataset)
    temperature, temperature_profile = _temperature(fields, profile)
    return Phase(
        duration=fields.positive("duration"),
        constants=given,
        profile=profile,
        repeat=_repeat(fields, profile),
        last_days=last_days,
        dataset=dataset,
        temperature=temperature,
        temperature_profile=temperature_profile,
        temperature_offset=fields.number("temperature_offset") or 0.0,
        max_c_rate=_max_c_rate(fields, given, profile),
    )


def _one_source(
    fields: Fields, has_constant: bool, profile: Profile | None, last_days: float | None, dataset: Dataset | None
) -> None:
    recorded = [name for name, value in (("last_days", last_days), ("dataset", dataset)) if value is not None]
    if len(recorded) > 1 or (recorded and (has_constant or profile is not None)):
        fields.complain(recorded[-1], f"Give one of {', '.join(SOURCES)}, not several.")


def _profile(fields: Fields, csv_text: str) -> Profile | None:
    name = "csv" if csv_text.strip() else "profile"
    try:
        if csv_text.strip():
            return read_profile(csv_text)
        return _columns(fields, "profile", EXAMPLE_OF_COLUMNS) if fields.has("profile") else None
    except (ProfileRefused, csv.Error) as wrong:
        fields.complain(name, str(wrong))
        return None


def _columns(fields: Fields, name: str, example: str) -> Profile | None:
    columns = fields.values[name]
    if not isinstance(columns, Mapping) or not all(isinstance(values, list) for values in columns.values()):
        fields.complain(name, f"Give columns, such as {example}.")
        return None
    profile = profile_of_columns(columns)
    if len(profile.times) > MOST_KEPT_ROWS:
        fields.complain(name, f"It has {len(profile.times):,} rows; {MOST_KEPT_ROWS:,} are the most here.")
    return profile


def _repeat(fields: Fields, profile: Profile | None) -> float | None:
    given = fields.values.get("repeat")
    if given in (None, "", "none"):
        return None
    if isinstance(given, str) and given in PERIODS:
        period: float | None = PERIODS[given]
    else:
        period = fields.positive("repeat")
    if period is None or f"{fields.path}repeat" in fields.complaints:
        if f"{fields.path}repeat" in fields.complaints:
            fields.complaints[f"{fields.path}repeat"] = [
                f"{str(given)[:40]!r} is neither day, week nor seconds above 0."
            ]
        return None
    if profile is None:
        fields.complain("repeat", "Only a profile or a CSV can be repeated.")
    elif float(profile.times[-1]) >= period:
        fields.complain("repeat", f"The profile's last row stands at {profile.times[-1]:g} s, not before {period:g} s.")
    return period


def _dataset(fields: Fields) -> Dataset | None:
    inner = fields.inner("dataset", '{"battery": "cell 1", "start": 0, "end": 86400}.')
    if inner is None:
        return None
    inner.refuse_others(("battery", "start", "end"))
    battery = inner.values.get("battery")
    if not isinstance(battery, str) or not battery:
        inner.complain("battery", "Name the battery whose rows are meant.")
        return None
    start, end = inner.number("start"), inner.number("end")
    if start is not None and end is not None and end <= start:
        inner.complain("end", f"{end:g} s is not after {start:g} s.")
    return Dataset(battery, start, end)


def _temperature(fields: Fields, profile: Profile | None) -> tuple[float | None, Profile | None]:
    if not fields.has("temperature"):
        return None, None
    if profile is not None and "temperature" in profile.columns:
        fields.complain("temperature", "The profile has a temperature already.")
    if not isinstance(fields.values["temperature"], Mapping):
        value = fields.number("temperature")
        if value is not None and not -80 <= value <= 150:
            fields.complain("temperature", f"{value:g} °C is not between -80 and 150 °C.")
        return value, None
    try:
        found = _columns(fields, "temperature", '{"test_time": [0, 43200], "temperature": [15, 25]}')
    except ProfileRefused as wrong:
        fields.complain("temperature", str(wrong))
        return None, None
    if found is not None and set(found.columns) != {"temperature"}:
        fields.complain("temperature", "Give the columns test_time and temperature, and no others.")
        return None, None
    return None, found


def _max_c_rate(fields: Fields, constants: Mapping[str, float], profile: Profile | None) -> float | None:
    if fields.has("max_c_rate") and ("power" in constants or (profile is not None and "power" in profile.columns)):
        fields.complain("max_c_rate", "It caps a current; this load is a power.")
    return fields.positive("max_c_rate", " 1/h")
