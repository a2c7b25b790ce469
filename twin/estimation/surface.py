"""What is asked of an estimator object, whoever wrote it. Free of Django: this runs inside the sandbox.

The surface is that of Moirae's OnlineEstimator: `step(inputs, measurements)`, `state` with `get_mean()` and
`get_covariance()`, `state_names`. An object may also have `start(inputs, measurements)`: it then gets the first row,
which only says which current flows until the second, and gives no estimate. Without it the first row is stepped like
any other.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.scripts import Unfit
from twin.estimation.readings import Inputs, Measurements

MOST_STATES = 100
MOST_LETTERS_OF_A_NAME = 200


@dataclass(frozen=True)
class Estimate:
    """What an estimator knows after a row. `covariance` is the upper triangle row by row; volts, NaN if not told."""

    mean: np.ndarray
    covariance: np.ndarray
    predicted_voltage: float
    predicted_variance: float


class Driven:
    """An estimator object with the plain surface."""

    words = "an object of the script"

    def __init__(self, estimator: Any) -> None:
        for name in ("step", "state", "state_names"):
            if not _has(estimator, name):
                raise Unfit(f"The estimator, of class {type(estimator).__name__}, has no `{name}`.")
        self.estimator = estimator
        self.state_names = _checked_names(estimator.state_names)
        self._triangle = np.triu_indices(len(self.state_names))
        self.check_start()

    def check_start(self) -> None:
        """Whether what it knows before the first row is of the right shape; raises Unfit."""
        self._checked(self.estimator.state)

    def take_first(self, inputs: Inputs, measurements: Measurements) -> bool:
        """Whether the first row was taken without a step."""
        if not callable(getattr(self.estimator, "start", None)):
            return False
        self.estimator.start(inputs, measurements)
        return True

    def step(self, inputs: Inputs, measurements: Measurements) -> Estimate:
        """Raises Unfit for an answer that is no estimate; else whatever the script raises."""
        answer = self.estimator.step(inputs, measurements)
        if answer is None:
            mean, covariance = self._checked(self.estimator.state)
            return Estimate(mean, covariance, np.nan, np.nan)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise Unfit(
                "step() must return None, or the pair (state, predicted voltage) of distributions with get_mean() and "
                f"get_covariance(); it returned {_article(type(answer).__name__)}."
            )
        state, predicted = answer
        return Estimate(*self._checked(state), *_first_moments(predicted))

    def _checked(self, state: Any) -> tuple[np.ndarray, np.ndarray]:
        states = len(self.state_names)
        mean = np.asarray(state.get_mean(), dtype=np.float64).reshape(-1)
        covariance = np.asarray(state.get_covariance(), dtype=np.float64)
        if mean.shape != (states,):
            raise Unfit(f"The mean has {mean.size} values, but state_names has {states}.")
        if covariance.shape != (states, states):
            raise Unfit(f"The covariance has the shape {covariance.shape}; {states} states need {(states, states)}.")
        if not np.isfinite(mean).all():
            raise Unfit(f"The mean of {self.state_names[int(np.argmin(np.isfinite(mean)))]!r} is not a finite number.")
        packed = covariance[self._triangle]
        if not np.isfinite(packed).all():
            raise Unfit("The covariance holds values that are not finite.")
        return mean, packed


class DrivenMoirae(Driven):
    """An estimator of ROVI's Moirae: rows become its own input and measurement classes."""

    words = "an estimator of Moirae"

    def __init__(self, estimator: Any) -> None:
        from moirae.models.ecm import ECMMeasurement  # noqa: PLC0415  (present wherever one of its estimators is)

        super().__init__(estimator)
        self._input_class = type(estimator._inputs)
        self._measurement_class = ECMMeasurement

    def check_start(self) -> None:
        """Nothing: `state` speaks in other units than `step` when health is normalised, and a dual one's raises."""

    def take_first(self, inputs: Inputs, measurements: Measurements) -> bool:
        """Puts the row into the filters as their previous control; else the first interval's charge would be lost."""
        from moirae.estimators.online.filters.base import BaseFilter  # noqa: PLC0415  (as above)
        from moirae.estimators.online.utils.model import convert_vals_model_to_filter  # noqa: PLC0415  (as above)

        controls = convert_vals_model_to_filter(self._as_input(inputs))
        for each in vars(self.estimator).values():
            if isinstance(each, BaseFilter):
                each.controls = controls.convert(conversion_operator=each.model.control_conversion, inverse=True)
        return True

    def step(self, inputs: Inputs, measurements: Measurements) -> Estimate:
        measured = self._measurement_class(terminal_voltage=measurements.terminal_voltage)
        state, predicted = self.estimator.step(self._as_input(inputs), measured)
        return Estimate(*self._checked(state), *_first_moments(predicted))

    def _as_input(self, inputs: Inputs) -> Any:
        return self._input_class(time=inputs.time, current=inputs.current, temperature=inputs.temperature)


def driven(estimator: Any) -> Driven:
    """Raises Unfit for an object without the surface."""
    moirae = sys.modules.get("moirae.estimators.online")  # there where the script has such an estimator
    if moirae is not None and isinstance(estimator, moirae.OnlineEstimator):
        return DrivenMoirae(estimator)
    return Driven(estimator)


def _has(estimator: Any, name: str) -> bool:
    """Also where the attribute is a property that fails: then its own error is worth more than that it is missing."""
    try:
        inspect.getattr_static(estimator, name)
    except AttributeError:
        return hasattr(estimator, name)
    return True


def _first_moments(predicted: Any) -> tuple[float, float]:
    """Mean and variance of the first output, the voltage; NaN where the estimator predicts none."""
    if predicted is None:
        return np.nan, np.nan
    mean = np.asarray(predicted.get_mean(), dtype=np.float64).reshape(-1)
    covariance = np.asarray(predicted.get_covariance(), dtype=np.float64).reshape(-1)
    if not mean.size or not covariance.size:
        raise Unfit("The predicted output that step() returned is empty.")
    return float(mean[0]), float(covariance[0])


def _checked_names(names: Any) -> list[str]:
    found = list(names)
    if not found or len(found) > MOST_STATES:
        raise Unfit(f"state_names has {len(found)} names; 1 to {MOST_STATES} are taken.")
    for name in found:
        if not isinstance(name, str) or not name or len(name) > MOST_LETTERS_OF_A_NAME:
            raise Unfit(f"state_names holds {str(name)[:50]!r}, which is no name.")
    return found


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
