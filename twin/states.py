"""The states of an estimator, and the sentence that each is told in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from datahub.states import in_words

if TYPE_CHECKING:
    from twin.models import Estimator

SECONDS_AN_HOUR = 3600.0
ROWS_JUST_COME = 20  # behind a live stream by so many, an estimator keeps up


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


class Skipped(StrEnum):
    """Why a row gave no estimate."""

    FIRST_CONTROL = "first_control"  # the first row only says which current flows until the second
    NO_TEST_TIME = "no_test_time"
    NOT_FINITE = "not_finite"  # current or voltage is missing
    LATE = "late"  # older than a row already taken
    DIVERGED = "diverged"  # its numbers broke the arithmetic of the built-in filter


TAKEN_WITHOUT_ESTIMATE = (str(Skipped.FIRST_CONTROL), str(Skipped.DIVERGED))


@dataclass(frozen=True)
class Condition:
    """An estimator's state, as a word for programs, a shape and a word for people, and a sentence."""

    state: str  # waiting, ready, running, inconsistent, stale, failed
    sentence: str
    exact: str = ""  # the time that the sentence names, with all its seconds

    @property
    def shape(self) -> str:
        return SHAPES[self.state]


SHAPES = {"waiting": "○", "ready": "●", "running": "◐", "inconsistent": "▲", "stale": "▲", "failed": "✕"}


def condition_of(estimator: Estimator) -> Condition:
    """Needs `battery`, `progress` and `recomputation` of the estimator; asks the database nothing more."""
    progress = estimator.progress
    behind = rows_behind(estimator)
    if estimator.state == Stored.FAILED:
        place = f"Stopped at row {estimator.error_row}: " if estimator.error_row is not None else ""
        return Condition("failed", f"{place}{estimator.last_error}")
    if estimator.state == Stored.WAITING:
        return Condition("waiting", _what_it_waits_for(estimator))
    progressing = f" {_how_far(estimator, behind)}" if behind > ROWS_JUST_COME else ""
    if progress.late_from is not None:
        doubt = f" {progress.consistency}" if progress.is_inconsistent else ""
        return Condition("stale", _how_stale(estimator) + doubt, _all_seconds(progress.late_from))
    if progress.is_inconsistent:
        is_stepped = estimator.is_current or estimator.followed
        return Condition("inconsistent", progress.consistency + (progressing if is_stepped else ""))
    if not estimator.is_current and not estimator.followed:
        return Condition("ready", "Stands still: another version is current.")
    if behind:
        return Condition("running", _how_far(estimator, behind) + _in_the_shade(estimator))
    if progress.latest_time is None:
        return Condition("waiting", "Waits for the first row.")
    sentence = f"All rows estimated to t = {_span(progress.latest_time)}." + _in_the_shade(estimator)
    return Condition("ready", sentence, _all_seconds(progress.latest_time))


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


def _in_the_shade(estimator: Estimator) -> str:
    if estimator.is_current:
        return ""
    then = ", until this one has caught up" if estimator.promote_when_caught_up else ""
    return f" Another version is current{then}."


def _how_stale(estimator: Estimator) -> str:
    progress, again = estimator.progress, getattr(estimator, "recomputation", None)
    late = progress.rows_skipped.get(str(Skipped.LATE), 0)
    what = f"{_thin(late)} late {'row' if late == 1 else 'rows'}" if late else "To be made anew"
    sentence = f"{what} from t = {_span(progress.late_from)}."
    if again is None:
        if not (estimator.is_current or estimator.followed):
            return f"{sentence} Stands still: another version is current."
        return f"{sentence} {'Will be worked in.' if late else 'A worker begins it soon.'}"
    if again.error:
        return f"{sentence} Computing anew stopped: {again.error}"
    if again.needs_start:
        return f"{sentence} The script is loaded once more for them."
    done = again.rows_stepped - again.from_stepped
    whole = progress.rows_stepped - again.from_stepped + late
    left = f", {_time_left(whole - done, again.steps_per_second)} left" if again.steps_per_second else ""
    return f"{sentence} Computing anew: {_thin(min(done, whole))} of {_thin(whole)} rows{left}."


def _how_far(estimator: Estimator, behind: int) -> str:
    progress, rows = estimator.progress, estimator.battery.rows
    sentence = f"{_thin(progress.rows_seen)} of {_thin(rows)} rows"
    if not progress.steps_per_second:
        return f"{sentence}."
    return f"{sentence}, {_time_left(behind, progress.steps_per_second)} left."


def _time_left(rows: int, steps_per_second: float) -> str:
    left = max(rows, 0) / steps_per_second
    return f"about {f'{left:.0f} s' if left < 100 else f'{left / 60:.0f} min'}"


def _thin(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _span(test_time: float | None) -> str:
    if test_time is None:
        return "—"
    return in_words(test_time) if test_time >= 1 else f"{test_time:.3g} s"


def _all_seconds(test_time: float | None) -> str:
    return "" if test_time is None else f"t = {test_time:,.0f} s".replace(",", "\N{NARROW NO-BREAK SPACE}")
