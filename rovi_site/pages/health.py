"""Health as pages show it: the newest estimate of each battery, its 95 % band, and whether to trust it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Case, Exists, OuterRef, Q, TextField, When
from django.db.models.fields.json import KeyTextTransform

from datahub.models import Battery
from rovi_site.pages.numbers import UNKNOWN, count, digits_for, number
from rovi_site.pages.quantities import quantity_of, title_of
from rovi_site.pages.words import Badge, estimator_badge
from twin import health as twin_health
from twin import queries
from twin.models import Estimator, EstimatorProgress
from twin.states import Stored


@dataclass(frozen=True)
class Health:
    """The newest estimate of a battery, with the estimator that made it."""

    estimator: Estimator
    newest: twin_health.Health
    badge: Badge
    doubt: Badge | None

    @property
    def estimator_id(self) -> int:
        return self.estimator.pk

    @property
    def rows_behind(self) -> int:
        return self.newest.rows_behind

    @property
    def soh(self) -> float | None:
        return self.newest.soh

    @property
    def reference_text(self) -> str:
        """What 100 % is."""
        known = self.newest.reference_capacity
        return f"{number(known, 2)} Ah {self.newest.reference}" if known else ""

    @property
    def reference_short(self) -> str:
        """For tables: only a reference that is not the nominal capacity is named there."""
        return self.reference_text.removesuffix(" nominal")

    @property
    def innovation_mv(self) -> str:
        innovation = self.estimator.progress.innovation
        return "" if innovation is None else number(innovation * 1000, 1, signed=True)

    @property
    def behind_text(self) -> str:
        """Why the newest estimate is not that of the newest row; empty where it is."""
        state = self.badge.word
        if state in ("Failed", "Stale"):
            return state
        return f"{count(self.rows_behind)} rows behind" if state == "Running" else ""

    @property
    def soc(self) -> Spread:
        return spread_of(self.newest.soc, self.newest.soc_sd, 100.0, 1)

    @property
    def share(self) -> Spread:
        """SOH in %."""
        return spread_of(self.newest.soh, self.newest.soh_sd, 100.0, 1)

    @property
    def capacity(self) -> Spread:
        return spread_of(self.newest.capacity, self.newest.capacity_sd, 1.0, 3)

    @property
    def r0(self) -> Spread:
        return spread_of(self.newest.r0, self.newest.r0_sd, 1000.0, 1)


@dataclass(frozen=True)
class Spread:
    """A mean and half its 95 % band as text; both empty where it is not estimated."""

    middle: str = ""
    half: str = ""

    def __str__(self) -> str:
        return f"{self.middle} {self.half}".strip()

    def __bool__(self) -> bool:
        return bool(self.middle)


def spread_of(mean: float | None, sd: float | None, scale: float, digits: int) -> Spread:
    if mean is None:
        return Spread()
    half = None if sd is None else sd * scale * twin_health.DEVIATIONS_OF_BAND
    places = digits_for(half, digits)
    return Spread(number(mean * scale, places), "" if half is None else f"±{number(half, places)}")


def health_of(batteries: Sequence[Battery]) -> dict[int, Health]:
    """By battery id, of those that have an estimator; two queries."""
    ids = [battery.pk for battery in batteries]
    newest = twin_health.fleet_health(ids)
    shown = queries.shown_estimators().select_related("registered_by").filter(battery__in=ids).order_by()
    return {
        estimator.battery_id: Health(
            estimator=estimator,
            newest=newest[estimator.battery_id],
            badge=estimator_badge(newest[estimator.battery_id].condition, newest[estimator.battery_id].rows_behind),
            doubt=doubt_about(estimator.progress),
        )
        for estimator in shown
        if estimator.battery_id in newest  # one may have come between the two queries
    }


def doubt_about(progress: EstimatorProgress) -> Badge | None:
    """What is told but is no alarm: bands wider than needed, or narrower than the model deserves."""
    verdict = progress.verdict
    if not verdict or progress.is_inconsistent or verdict["consistent"] is not False:
        return None
    if verdict["cause"] == "model_too_simple":
        return Badge("Narrow bands", "warn", "idle", verdict["sentence"], f"NIS {number(verdict['mean_nis'], 2)}")
    return Badge("Cautious", "idle", "idle", verdict["sentence"], f"NIS {number(verdict['mean_nis'], 2)}")


def trouble_of_estimators() -> Iterator[tuple[int, int, Badge]]:
    """(battery id, rank, badge) of estimators that failed (1), are inconsistent (2) or stale (3); one query.

    A newer version that failed to load counts too: the one that runs is not disturbed, but someone meant to replace it.
    """
    fields = ("battery_id", "state", "version", "is_current", "last_error")
    doubt = Case(
        When(progress__is_inconsistent=True, then=KeyTextTransform("sentence", "progress__verdict")),
        output_field=TextField(),
    )
    newer = Estimator.objects.filter(battery=OuterRef("battery"), version__gt=OuterRef("version"))
    failed = Q(state=Stored.FAILED) & (Q(is_current=True) | ~Exists(newer))
    doubtful = Q(progress__is_inconsistent=True) | Q(progress__rows_skipped__late__gt=0)
    found = Estimator.objects.filter(failed | Q(is_current=True) & doubtful).order_by().annotate(doubt=doubt)
    for battery_id, state, version, is_current, error, sentence, skipped in found.values_list(
        *fields, "doubt", "progress__rows_skipped"
    ):
        if state == Stored.FAILED:
            yield battery_id, 1, Badge("Failed", "bad", "bad", f"Estimator v{version}: {error}")
        if not is_current:
            continue
        if sentence is not None:
            yield battery_id, 2, Badge("Inconsistent", "warn", "warn", sentence)
        late = (skipped or {}).get("late", 0)
        if late:
            yield battery_id, 3, Badge("Stale", "warn", "warn", f"{count(late)} late rows are not in its estimates.")


# --- the table of all states -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class StateRow:
    """A state of the filter; `correlations` with each state before it."""

    title: str
    mean: str
    deviation: str
    correlations: list[str]


def state_rows(health: Health) -> list[StateRow]:
    means = queries.newest_mean(health.estimator)
    covariance = queries.newest_covariance(health.estimator)
    if means is None or covariance is None:
        return []
    rows = []
    for place, (name, mean) in enumerate(zip(health.estimator.progress.state_names, means, strict=True)):
        quantity = quantity_of(name)
        sd = math.sqrt(max(covariance[place][place], 0.0)) * quantity.scale
        digits = digits_for(sd, quantity.digits, most=6)
        correlations = [_correlation(covariance, place, other) for other in range(place)]
        rows.append(StateRow(title_of(name), number(mean * quantity.scale, digits), number(sd, digits), correlations))
    return rows


def _correlation(covariance: list[list[float]], first: int, second: int) -> str:
    both = covariance[first][first] * covariance[second][second]
    return number(covariance[first][second] / math.sqrt(both), 2) if both > 0 else UNKNOWN
