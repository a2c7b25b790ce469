"""Inside the sandbox: loads an estimator's script, steps its object row by row, and writes down its whole state.

Free of Django, and never imported by a web process. The checkpoint is made and read in here only; to the host it is
bytes.
"""

from __future__ import annotations

import io
import pickle
import random
import sys
import time
from collections.abc import Callable
from importlib import metadata
from types import ModuleType
from typing import Any

import cloudpickle
import numpy as np

from sandbox.scripts import Unfit, load_script, script_line, script_traceback
from twin.estimation.readings import readings
from twin.estimation.surface import Driven, Estimate, driven

PAIR = ("perform_offline_estimation", "make_estimator")
SINGLE = "estimator"
MOST_CHECKPOINT_BYTES = 8 * 2**20
SEED = 20_241  # for scripts that draw random numbers: a run can be repeated
REPORTED_LIBRARIES = {
    "numpy": "numpy", "scipy": "scipy", "pandas": "pandas", "sklearn": "scikit-learn",
    "battdat": "battery-data-toolkit", "moirae": "moirae", "torch": "torch", "filterpy": "filterpy",
    "numba": "numba", "pybamm": "pybamm",
}  # fmt: skip


class Kept:
    """What this process holds between calls."""

    module: ModuleType
    estimator: Driven
    started = False  # whether the first row has been seen
    checkpoint = b""
    columns: dict[str, list[np.ndarray]] = {}


kept = Kept()


def load(arguments: dict[str, Any]) -> dict[str, Any]:
    """Runs the script and tells what it defines; makes no estimator of a pair yet."""
    random.seed(SEED)
    np.random.seed(SEED)
    kept.module = load_script(arguments["script"])
    return {"entry": _entry(kept.module), "library_versions": _library_versions()}


def collect(arguments: dict[str, Any]) -> dict[str, Any]:
    """Takes some of the rows that the offline estimation will see."""
    for name, values in arguments["columns"].items():
        kept.columns.setdefault(name, []).append(values)
    return {}


def begin(arguments: dict[str, Any]) -> dict[str, Any]:
    """Makes the estimator; the offline estimation gets the collected rows, or None where none were."""
    if _entry(kept.module) == SINGLE:
        estimator = kept.module.estimator
    else:
        dataset = _dataset(arguments["metadata"]) if kept.columns else None
        answer = kept.module.perform_offline_estimation(dataset)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise Unfit("perform_offline_estimation() must return a pair: health and state at the first row.")
        estimator = kept.module.make_estimator(*answer)
    kept.columns = {}
    kept.estimator = driven(estimator)
    kept.checkpoint = _checkpoint()
    _restore(kept.checkpoint)  # what cannot be read back must be known before the first row, not after a restart
    return {"state_names": kept.estimator.state_names, "surface": kept.estimator.words, "checkpoint": kept.checkpoint}


def restore(arguments: dict[str, Any]) -> dict[str, Any]:
    """Goes on from a checkpoint of the same script."""
    _restore(arguments["checkpoint"])
    kept.checkpoint = arguments["checkpoint"]
    return {"state_names": kept.estimator.state_names}


def advance(arguments: dict[str, Any]) -> dict[str, Any]:
    """Steps rows until `seconds` are over, or one fails; at least one is tried.

    A step that fails may have changed the object half way. So the object is then taken back to the last checkpoint and
    brought to the row before once more: what is reported and written down belongs together.
    """
    begun = time.monotonic()
    columns = arguments["columns"]
    run = _step(columns, begun + arguments["seconds"], arguments["most_rows"])
    error = run.error
    while run.error is not None:
        _restore(kept.checkpoint)
        run = _step(columns, float("inf"), run.rows)
    took = time.monotonic() - begun
    if run.rows:
        kept.checkpoint = _checkpoint()
    return {**run.as_answer(), "error": error, "seconds": took, "checkpoint": kept.checkpoint}


verbs: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "load": load, "collect": collect, "begin": begin, "restore": restore, "advance": advance,
}  # fmt: skip


class _Run:
    """What came of some rows; `rows` were taken, of which all but a first control gave an estimate."""

    def __init__(self) -> None:
        self.rows = 0
        self.took_first = False
        self.estimates: list[Estimate] = []
        self.error: dict[str, Any] | None = None

    def as_answer(self) -> dict[str, Any]:
        found = self.estimates
        states = len(kept.estimator.state_names)
        return {
            "rows": self.rows,
            "took_first": self.took_first,
            "means": np.array([each.mean for each in found]).reshape(len(found), states),
            "covariances": np.array([each.covariance for each in found]).reshape(
                len(found), states * (states + 1) // 2
            ),
            "predicted_voltage": np.array([each.predicted_voltage for each in found], dtype=np.float64),
            "predicted_variance": np.array([each.predicted_variance for each in found], dtype=np.float64),
        }


def _step(columns: dict[str, np.ndarray], deadline: float, most_rows: int) -> _Run:
    run = _Run()
    if most_rows == 0:
        return run
    estimator = kept.estimator
    for inputs, measurements in readings(columns):
        try:
            if not kept.started and estimator.take_first(inputs, measurements):
                run.took_first = True
            else:
                run.estimates.append(estimator.step(inputs, measurements))
        except BaseException as error:  # noqa: BLE001  (a stranger's script may raise anything, SystemExit too)
            run.error = _described(error)
            return run
        kept.started = True
        run.rows += 1
        if run.rows >= most_rows or time.monotonic() >= deadline:
            return run
    return run


def _described(error: BaseException) -> dict[str, Any]:
    return {
        "kind": type(error).__name__, "message": str(error)[:4000], "line": script_line(error),
        "traceback": "" if isinstance(error, Unfit) else script_traceback(error),
    }  # fmt: skip


def _checkpoint() -> bytes:
    """The object and the random generators that belong to nobody, which a script may draw from."""
    whole = {
        "estimator": kept.estimator.estimator, "started": kept.started,
        "random": random.getstate(), "numpy": np.random.get_state(),
    }  # fmt: skip
    target = io.BytesIO()
    try:
        cloudpickle.CloudPickler(target, protocol=5).dump(whole)
    except (TypeError, AttributeError, ValueError, RecursionError, pickle.PicklingError) as wrong:
        raise Unfit(
            f"The estimator's state cannot be written down: {wrong}. Keep open files, threads and generators out of it."
        ) from None
    if target.tell() > MOST_CHECKPOINT_BYTES:
        raise Unfit(
            f"The estimator's state takes {target.tell() / 2**20:.1f} MiB; {MOST_CHECKPOINT_BYTES // 2**20} are "
            "allowed. Keep constants at the top of the script, outside the object."
        )
    return target.getvalue()


def _restore(checkpoint: bytes) -> None:
    whole = pickle.loads(checkpoint)  # noqa: S301  (inside the sandbox, where the script that made it has run)
    kept.estimator = driven(whole["estimator"])
    kept.started = whole["started"]
    random.setstate(whole["random"])
    np.random.set_state(whole["numpy"])


def _entry(module: ModuleType) -> str:
    pair = [name for name in PAIR if callable(getattr(module, name, None))]
    if len(pair) == 2:
        return " and ".join(PAIR)
    if hasattr(module, SINGLE):
        return SINGLE
    if pair:
        missing = next(name for name in PAIR if name not in pair)
        raise Unfit(
            f"The script defines {pair[0]} but no function {missing}; both are needed, or an object `{SINGLE}`."
        )
    raise Unfit(f"The script defines neither an object `{SINGLE}` nor the functions {' and '.join(PAIR)}.")


def _dataset(described: dict[str, Any] | None) -> Any:
    """battery-data-toolkit's dataset of one cell, its rows in order of time."""
    import pandas as pd  # noqa: PLC0415  (only for scripts that wait for data)
    from battdat.data import BatteryDataset  # noqa: PLC0415  (as above)

    raw_data = pd.DataFrame({name: np.concatenate(parts) for name, parts in kept.columns.items()})
    raw_data = raw_data.sort_values("test_time", kind="stable", ignore_index=True)
    return BatteryDataset.make_cell_dataset(raw_data=raw_data, metadata=described)


def _library_versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for module, distribution in REPORTED_LIBRARIES.items():
        if module in sys.modules:
            try:
                found[distribution] = metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
    return found
