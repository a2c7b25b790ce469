"""Whether each filter is consistent with what it sees: evidence that goes with its checkpoint, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from energykit.consistency import Evidence, Observed, observe, verdict_of

if TYPE_CHECKING:
    from twin.estimation.commit import Advance


def judge(advances: Sequence[Advance]) -> list[dict[str, Any]]:
    """What to store of each, in the same order; also puts the evidence into the advance, beside its checkpoint.

    It goes on from `track.evidence`: who sets a checkpoint back sets back the evidence that belongs to it.
    """
    evidence = Evidence.read([_bytes(advance.track.evidence) for advance in advances])
    has_news = observe(evidence, [_observed(advance) for advance in advances])
    found: list[dict[str, Any]] = []
    for place, (advance, stored) in enumerate(zip(advances, evidence.as_bytes(), strict=True)):
        advance.evidence = stored
        changes: dict[str, Any] = {"evidence": stored}
        if has_news[place] or not advance.track.verdict:
            verdict = verdict_of(evidence, place, is_script=advance.estimator.is_script)
            changes |= {
                "mean_nis": verdict.newest_nis,
                "verdict": verdict.to_mapping(),
                "is_inconsistent": verdict.is_alarm,
            }
        found.append(changes)
    return found


def _observed(advance: Advance) -> Observed:
    names = [name.split(".")[0] for name in advance.estimator.progress.state_names]
    means = np.asarray(advance.means, dtype=np.float64)

    def state(name: str) -> np.ndarray | None:
        return means[:, names.index(name)] if name in names and len(means) else None

    return Observed(
        time=advance.times,
        current=advance.currents,
        innovation=np.asarray(advance.innovation, dtype=np.float64),
        innovation_variance=np.asarray(advance.innovation_variance, dtype=np.float64),
        predicted_voltage=np.asarray(advance.predicted_voltage, dtype=np.float64),
        soc=state("soc"),
        capacity=state("q_t"),
    )


def _bytes(stored: Any) -> bytes | None:
    return None if stored is None else bytes(stored)
