"""What the newest estimate says of the health of a battery, and of each of a fleet."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple

from django.db.models import TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from twin.models import Estimator
from twin.queries import floats_of, packed_place, shown_estimators
from twin.states import Condition, condition_of, rows_behind

DEVIATIONS_OF_BAND = 1.96  # a band of 95 % under a normal distribution
SOC_NAMES = ("soc",)
CAPACITY_NAMES = ("q_t.base_values", "q_t")
DOUBLE = Struct("<d")


@dataclass(frozen=True)
class Health:
    """What the newest estimate says of one battery. Bands are two standard deviations of 95 %; None is not known."""

    estimator_id: int
    version: int
    condition: Condition
    rows_behind: int
    latest_time: float | None  # s
    soc: float | None  # 0 to 1
    soc_sd: float | None
    capacity: float | None  # Ah
    capacity_sd: float | None
    soh: float | None  # capacity over the reference
    soh_sd: float | None
    reference_capacity: float | None  # Ah
    reference: str  # what the reference is, in words
    r0: float | None  # ohm
    r0_sd: float | None
    mean_nis: float | None

    @property
    def soh_band(self) -> tuple[float, float] | None:
        if self.soh is None or self.soh_sd is None:
            return None
        half = DEVIATIONS_OF_BAND * self.soh_sd
        return self.soh - half, self.soh + half


def fleet_health(battery_ids: Collection[int] | None = None) -> dict[int, Health]:
    """The health of each battery that has an estimator, by battery id, in one query."""
    found = shown_estimators().defer("parameters", "traceback", "script_output", "battery__metadata")
    found = found.annotate(
        nominal=KeyTextTransform("nominal_capacity", KeyTextTransform("battery", "battery__metadata"))
    )
    if battery_ids is not None:
        found = found.filter(battery__in=battery_ids)
    return {
        estimator.battery_id: health_of(estimator, positive_number(estimator.nominal)) for estimator in found.order_by()
    }


class Newest(NamedTuple):
    """The two numbers by which a fleet is sorted; None is not known."""

    soc: float | None  # 0 to 1
    soh: float | None  # capacity over the reference


def newest_of_fleet() -> dict[int, Newest]:
    """By battery id, of those whose current estimator has an estimate; one query that reads no more than it takes."""
    nominal = KeyTextTransform("nominal_capacity", KeyTextTransform("battery", "battery__metadata"))
    rows = (
        Estimator.objects.filter(is_current=True, progress__mean__isnull=False)
        .order_by()
        .annotate(nominal=nominal, names=Cast("progress__state_names", TextField()))
        .values_list("battery_id", "names", "progress__mean", "progress__reference_capacity", "nominal")
    )
    found = {}
    for battery_id, names, mean, registered, nominal_text in rows:
        soc, capacity = (_at(place, mean) for place in _places_of(names))
        reference = positive_number(nominal_text) or registered
        found[battery_id] = Newest(soc, capacity / reference if capacity is not None and reference else None)
    return found


@lru_cache(maxsize=256)
def _places_of(names_text: str) -> tuple[int | None, int | None]:
    names = json.loads(names_text)
    wanted = (SOC_NAMES, CAPACITY_NAMES)
    soc, capacity = (next((i for i, name in enumerate(names) if name in known), None) for known in wanted)
    return soc, capacity


def _at(place: int | None, mean: Any) -> float | None:
    if place is None:
        return None
    value: float = DOUBLE.unpack_from(mean, 8 * place)[0]
    return value if math.isfinite(value) else None


def health_of(estimator: Estimator, nominal_capacity: float | None = None) -> Health:
    """SOH is the estimated capacity over the nominal one of the metadata, or else over what it began with."""
    progress = estimator.progress
    soc, soc_sd = _state(estimator, *SOC_NAMES)
    capacity, capacity_sd = _state(estimator, *CAPACITY_NAMES)
    r0, r0_sd = _state(estimator, "r0.base_values", "r0")
    reference, words = nominal_capacity, "nominal"
    if not reference:
        reference = progress.reference_capacity
        words = "first estimate" if estimator.is_script else "as registered"
    known = capacity is not None and reference is not None and reference > 0
    return Health(
        estimator_id=estimator.pk,
        version=estimator.version,
        condition=condition_of(estimator),
        rows_behind=rows_behind(estimator),
        latest_time=progress.latest_time,
        soc=soc,
        soc_sd=soc_sd,
        capacity=capacity,
        capacity_sd=capacity_sd,
        soh=capacity / reference if known else None,  # type: ignore[operator]
        soh_sd=capacity_sd / reference if known and capacity_sd is not None else None,  # type: ignore[operator]
        reference_capacity=reference,
        reference=words if reference else "",
        r0=r0,
        r0_sd=r0_sd,
        mean_nis=progress.mean_nis,
    )


def _state(estimator: Estimator, *names: str) -> tuple[float | None, float | None]:
    """Mean and standard deviation of the state that bears one of these names."""
    progress = estimator.progress
    place = next((place for place, name in enumerate(progress.state_names) if name in names), None)
    mean, packed = floats_of(progress.mean), floats_of(progress.covariance)
    if place is None or mean is None or packed is None:
        return None, None
    variance = packed[packed_place(place, place, len(mean))]
    return mean[place], math.sqrt(max(variance, 0.0))


def positive_number(text: Any) -> float | None:
    """Metadata are people's: a nominal capacity may be anything."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
