"""Built-in forecasts: trend, ageing, or whichever of the two did better on this battery so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from energykit.prognosis.ageing import forecast_ageing
from energykit.prognosis.backtest import choose_best
from energykit.prognosis.chemistry import PRESETS
from energykit.prognosis.duty import Duty
from energykit.prognosis.errors import CannotForecast
from energykit.prognosis.health import LEVELS, HealthForecast, HealthHistory
from energykit.prognosis.trend import forecast_trend
from prognosis.errors import ForecastFailed, LoadRefused
from prognosis.forecasting.chemistry import preset_of
from prognosis.forecasting.duties import duties_of, duty_of_record, throughput_ahead
from prognosis.forecasting.layout import load_columns
from prognosis.forecasting.load import Load
from prognosis.forecasting.past import Past, throughput_until
from prognosis.forecasting.phases import Dataset, Phase
from prognosis.forecasting.profile import Profile
from prognosis.forecasting.recorded import Record, last_days, record_of
from prognosis.states import ForecasterKind

ORIGINS = (0.45, 0.65, 0.85)  # shares of the history's time at which back-tests of `auto` stand
USUAL_DAYS = 7.0  # what a battery does, where the load says nothing of it
HEEDLESS = "A trend goes on as before and hardly heeds the load; choose ageing to see what a load does."
MOST_COMPUTED = 1000  # points; between them the forecast is a line
QUANTILES = tuple(f"q{round(100 * level):02d}" for level in LEVELS)


@dataclass(frozen=True)
class Made:
    """`columns`: of the load and the forecast. `forecast` reaches one step further, to the end of the load."""

    columns: dict[str, np.ndarray]
    forecast: HealthForecast
    made_by: str
    why: str


@dataclass
class Ask:
    """A battery's past, a load, and what is read of rows for them, once."""

    past: Past
    load: Load
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    _records: dict[tuple[float | None, Dataset | None], Record] = field(default_factory=dict)
    _usual: Record | None = None
    _has_looked: bool = False
    _past_duty: Duty | None = None

    def record(self, phase: Phase) -> Record:
        asked = (phase.last_days, phase.dataset)
        if asked not in self._records:
            self._records[asked] = self._read(phase)
        return self._records[asked]

    def recorded(self, phase: Phase) -> tuple[Profile, float]:
        record = self.record(phase)
        return record.profile, record.seconds

    @property
    def usual(self) -> Record | None:
        """What the battery did over the newest days of which rows tell; None where they tell no current."""
        if not self._has_looked:
            self._has_looked = True
            try:
                self._usual = self._last_days(USUAL_DAYS)
            except LoadRefused:
                self._usual = None
        return self._usual

    @property
    def past_duty(self) -> Duty | None:
        """The same as a duty for the ageing model."""
        if self._past_duty is None and self.usual is not None:
            self._past_duty = duty_of_record(self.usual, self.past, self.past.newest)
        return self._past_duty

    def _read(self, phase: Phase) -> Record:
        if phase.last_days is not None:
            return self._last_days(phase.last_days)
        return record_of(phase, self.past.battery, self.past.newest)

    def _last_days(self, days: float) -> Record:
        column = self.past.soc_column
        estimator_id = self.past.estimator.pk if column else 0
        return last_days(self.past.battery, days, self.past.newest, estimator_id, column or "")


def make(ask: Ask) -> Made:
    """Raises LoadRefused and ForecastFailed, with what to change."""
    columns = load_columns(ask.load, ask.recorded, ask.past.capacity_ah)
    times = columns["test_time"]
    ahead = np.unique(np.append(np.linspace(0.0, ask.load.ahead_time, min(len(times), MOST_COMPUTED) + 1), times[:1]))
    if len(times) <= MOST_COMPUTED:
        ahead = np.append(times, ask.load.ahead_time) if times[-1] < ask.load.ahead_time else times
    try:
        forecast, made_by, why = _forecast(ask, ahead)
    except CannotForecast as cannot:
        raise ForecastFailed(cannot.message, hint=cannot.hint, code="cannot_forecast") from None
    columns["battery_time"] = ask.past.newest + times
    columns["soh"] = np.interp(times, forecast.ahead_s, forecast.median)
    for name, level in zip(QUANTILES, LEVELS, strict=True):
        columns[name] = np.interp(times, forecast.ahead_s, forecast.level(level))
    return Made(columns, forecast, made_by, why)


def _forecast(ask: Ask, ahead: np.ndarray) -> tuple[HealthForecast, str, str]:
    makers: dict[str, Callable[[HealthHistory, np.ndarray], HealthForecast]] = {}
    why: dict[str, str] = {}
    if ask.kind in (ForecasterKind.TREND, ForecasterKind.AUTO):
        makers[ForecasterKind.TREND], why[ForecasterKind.TREND] = _trend, ""
    if ask.kind in (ForecasterKind.AGEING, ForecasterKind.AUTO):
        makers[ForecasterKind.AGEING], why[ForecasterKind.AGEING] = _ageing_as_before(ask)
    kind, reason = ask.kind, ""
    if ask.kind == ForecasterKind.AUTO:
        # Each back-test sees the history up to its origin alone; but the duty that it is told is of now.
        choice = choose_best(ask.past.history, makers, ORIGINS)
        kind, reason = choice.name, choice.reason
        if choice.scores.get(ForecasterKind.AGEING) is not None:
            reason = f"{reason} {_known_too_early(ask)}"
    forecast = _trend(ask.past.history, ahead, ask) if kind == ForecasterKind.TREND else _ageing(ask, ahead)
    heedless = "" if kind == ForecasterKind.AGEING or ask.load.is_bare else HEEDLESS
    told = " ".join(
        part for part in (_sentence(reason), _sentence(forecast.model), why.get(kind, ""), heedless) if part
    )
    return forecast, kind, told


def _trend(history: HealthHistory, ahead: np.ndarray, ask: Ask | None = None) -> HealthForecast:
    """Against the charge moved as well, where the load says how much that will be and the past was measured."""
    if ask is not None and not ask.load.is_bare:
        moved = throughput_until(ask.past)
        if moved is not None:
            ahead_moved = throughput_ahead(duties_of(ask.load, ask.past, ask.record, ask.usual), ahead)
            return forecast_trend(replace(history, throughput_ah=moved), ahead, ahead_moved)
    return forecast_trend(history, ahead)


def _ageing(ask: Ask, ahead: np.ndarray) -> HealthForecast:
    preset, _ = _preset(ask)
    future = duties_of(ask.load, ask.past, ask.record, ask.usual)
    return forecast_ageing(ask.past.history, ask.past_duty, future, ahead, preset)


def _ageing_as_before(ask: Ask) -> tuple[Callable[[HealthHistory, np.ndarray], HealthForecast], str]:
    """The ageing model for back-tests: the future is as the past, whatever is asked for now."""
    preset, why = _preset(ask)
    before = ask.past_duty
    if before is None:
        before = duties_of(ask.load, ask.past, ask.record, None)[0]
    duty = before
    return partial(_ageing_again, duty, preset), " ".join((why, _limits(preset), _told_of_usual(ask)))


def _ageing_again(duty: Duty, preset: str, history: HealthHistory, ahead: np.ndarray) -> HealthForecast:
    return forecast_ageing(history, duty, duty, ahead, preset)


def _preset(ask: Ask) -> tuple[str, str]:
    return preset_of(ask.past.battery.metadata, str(ask.options.get("preset") or ""))


def _limits(preset: str) -> str:
    """Within which conditions its equations were measured, and what they take no notice of."""
    known = PRESETS.get(preset)
    return f"Its equations were measured within limits. {known.limits}" if known else ""


def _told_of_usual(ask: Ask) -> str:
    if ask.usual is None:
        return "Its rows tell no current, so its past is taken to be like its future."
    days = ask.usual.seconds / 86_400.0
    what = "Past and future duty are" if ask.load.is_bare else "Its past duty is"
    return f"{what} taken from the last {days:.1f} days of which there are rows."


def _known_too_early(ask: Ask) -> str:
    if ask.usual is None:
        return "In it the ageing model was told the load that is asked for now."
    return "In it the ageing model was told the newest duty, which nobody could know then."


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] if text else ""
