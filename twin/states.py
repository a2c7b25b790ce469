"""The states of an estimator, and the sentence that each is told in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.models import Estimator

SECONDS_AN_HOUR = 3600.0


class Kind:
    """What an estimator is made of. Plain words, so that a new one costs no migration."""

    SCRIPT = "script"
    JOINT_UKF = "joint_ukf"
    ALL = (SCRIPT, JOINT_UKF)


class Stored:
    """What is written down of a state; the rest follows from the counters."""

    WAITING = "waiting"  # for its script to be loaded, or for enough data
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class Condition:
    """An estimator's state, as a word for programs, a shape and a word for people, and a sentence."""

    state: str  # waiting, ready, running, stale, failed
    sentence: str

    @property
    def shape(self) -> str:
        return SHAPES[self.state]


SHAPES = {"waiting": "○", "ready": "●", "running": "◐", "stale": "▲", "failed": "✕"}


def condition_of(estimator: Estimator) -> Condition:
    """Needs `battery` and `progress` of the estimator; asks the database nothing more."""
    progress = estimator.progress
    behind = rows_behind(estimator)
    if estimator.state == Stored.FAILED:
        place = f"Stopped at row {estimator.error_row}: " if estimator.error_row is not None else ""
        return Condition("failed", f"{place}{estimator.last_error}")
    if estimator.state == Stored.WAITING:
        return Condition("waiting", _what_it_waits_for(estimator))
    late = progress.rows_skipped.get("late", 0)
    if late:
        return Condition(
            "stale", f"{late:,} late {'row' if late == 1 else 'rows'} from t = {_seconds(progress.late_from)}."
        )
    if not estimator.is_current:
        return Condition("ready", "Stands still: another version is current.")
    if behind:
        return Condition("running", _how_far(estimator, behind))
    if progress.latest_time is None:
        return Condition("waiting", "Waits for the first row.")
    return Condition("ready", f"All rows estimated to t = {_seconds(progress.latest_time)}.")


def rows_behind(estimator: Estimator) -> int:
    return max(0, estimator.battery.rows - estimator.progress.rows_seen)


def has_enough_data(estimator: Estimator) -> bool:
    """Whether the battery's rows span the time that the estimator needs before it starts."""
    battery = estimator.battery
    if battery.first_test_time is None or battery.last_test_time is None:
        return False
    return battery.last_test_time - battery.first_test_time >= estimator.required_time


def missing_columns(columns: dict[str, Any]) -> list[str]:
    """Those of the columns that every estimator needs which a battery's rows do not have."""
    have = {name.lower() for name in columns}
    return [name for name in ("test_time", "current", "voltage") if name not in have]


def _what_it_waits_for(estimator: Estimator) -> str:
    battery = estimator.battery
    if estimator.is_script and not estimator.entry:
        return "Waits for a worker to load its script."
    if not battery.rows:
        return "Waits for the first row."
    if missing := missing_columns(battery.columns):
        return f"The rows have no column {', '.join(missing)}; send it, or rename the field."
    if not has_enough_data(estimator):
        has = (battery.last_test_time or 0.0) - (battery.first_test_time or 0.0)
        return f"Has {has / SECONDS_AN_HOUR:.1f} h of the {estimator.required_time / SECONDS_AN_HOUR:.1f} h it needs."
    return "Waits for a worker to start it."


def _how_far(estimator: Estimator, behind: int) -> str:
    progress, rows = estimator.progress, estimator.battery.rows
    sentence = f"{progress.rows_seen:,} of {rows:,} rows".replace(",", " ")
    if not progress.steps_per_second:
        return f"{sentence}."
    left = behind / progress.steps_per_second
    return f"{sentence}, about {f'{left:.0f} s' if left < 100 else f'{left / 60:.0f} min'} left."


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f} s".replace(",", "\N{NARROW NO-BREAK SPACE}")
