"""What a guest says of the rows that it stepped, checked: a script has run in its process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.errors import EstimatorFailed


@dataclass
class Stepped:
    """`rows` were taken; all of them gave an estimate but, where `took_first`, the first."""

    rows: int
    took_first: bool
    means: np.ndarray
    covariances: np.ndarray
    predicted_voltage: np.ndarray
    predicted_variance: np.ndarray
    checkpoint: bytes
    seconds: float
    error: Mapping[str, Any] | None


def checked(answer: Mapping[str, Any], asked: int, states: int) -> Stepped:
    """Raises EstimatorFailed for an answer that cannot be true."""
    rows, first, error = answer.get("rows"), answer.get("took_first"), answer.get("error")
    checkpoint, seconds = answer.get("checkpoint"), answer.get("seconds")
    if not (
        isinstance(rows, int) and 0 <= rows <= asked
        and isinstance(first, bool) and not (first and rows == 0)
        and isinstance(checkpoint, bytes) and isinstance(seconds, float)
        and (error is None or isinstance(error, dict)) and (rows > 0 or error is not None)
    ):  # fmt: skip
        raise _unbelievable("it is not what was asked for")
    estimates = rows - first
    return Stepped(
        rows, first,
        _floats(answer.get("means"), (estimates, states), finite=True),
        _floats(answer.get("covariances"), (estimates, states * (states + 1) // 2), finite=True),
        _floats(answer.get("predicted_voltage"), (estimates,), finite=False),
        _floats(answer.get("predicted_variance"), (estimates,), finite=False),
        checkpoint, seconds, error,
    )  # fmt: skip


def joined(parts: list[Stepped]) -> Stepped:
    """One answer for calls that followed on each other; at least one."""
    return Stepped(
        sum(part.rows for part in parts),
        parts[0].took_first,
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.covariances for part in parts]),
        np.concatenate([part.predicted_voltage for part in parts]),
        np.concatenate([part.predicted_variance for part in parts]),
        parts[-1].checkpoint,
        sum(part.seconds for part in parts),
        parts[-1].error,
    )


def _floats(values: Any, shape: tuple[int, ...], *, finite: bool) -> np.ndarray:
    if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.shape != shape:
        raise _unbelievable(f"numbers of another shape than {shape}")
    if finite and not np.isfinite(values).all():
        raise _unbelievable("numbers that are not finite")
    return values


def _unbelievable(why: str) -> EstimatorFailed:
    return EstimatorFailed(f"The script's process gave an answer that cannot be used: {why}.")
