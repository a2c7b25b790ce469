"""Ask for many forecasts at once: one load for many batteries, or several loads for one battery. One job makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from datahub.models import Battery
from jobs.queue import enqueue
from prognosis.errors import LoadRefused, NoBatteries, OptionRefused
from prognosis.forecasting import phases
from prognosis.forecasting.fields import Fields
from prognosis.forecasting.load import Load, load_from, without_rows
from prognosis.forecasting.phases import MOST_KEPT_ROWS
from prognosis.forecasting.runs import Way, new_run
from prognosis.models import Comparison, FleetForecast, Forecaster, ForecastRun
from prognosis.queries import forecasters_of
from prognosis.states import ForecasterKind, ForecasterState, RunState
from prognosis.validators import check_as_of, check_kind, check_options, check_threshold

MOST_BATTERIES = 100_000
MOST_LOADS = 8
BATCH = 200
MOST_LABEL = 100
FIELDS_OF_A_LOAD = ("label", "ahead_time", "resolution", "phases", *phases.FIELDS)


@dataclass(frozen=True)
class NamedLoad:
    label: str
    load: Load


@dataclass(frozen=True)
class Chosen:
    """Which batteries: those of these names, or those whose name holds a text, or all."""

    names: Sequence[str] = ()
    text: str = ""

    def batteries(self) -> QuerySet[Battery]:
        """Raises NoBatteries for a name that is not known, and where none is left."""
        found = Battery.objects.order_by("name")
        if self.names:
            found = found.filter(name__in=list(self.names))
            if missing := sorted(set(self.names) - set(found.values_list("name", flat=True))):
                raise NoBatteries(f"There is no battery {missing[0]!r}.")
        if self.text:
            found = found.filter(name__icontains=self.text)
        number = found.count()
        if not number:
            raise NoBatteries("No battery is chosen.")
        if number > MOST_BATTERIES:
            raise NoBatteries(f"{number:,} batteries are chosen; {MOST_BATTERIES:,} are the most.")
        return found

    def description(self) -> dict[str, Any]:
        return {"names": list(self.names)} if self.names else {"text": self.text} if self.text else {"all": True}


@dataclass(frozen=True)
class GroupAsk:
    """What the forecasts of a group share."""

    title: str = ""
    way: Way = field(default_factory=lambda: Way(kind=ForecasterKind.AUTO))

    def fields(self) -> dict[str, Any]:
        """Of the group's record; raises OptionRefused."""
        kind = self.way.kind
        threshold = settings.END_OF_LIFE_SOH if self.way.threshold is None else self.way.threshold
        check_as_of(self.way.as_of)
        told = {"title": self.title.strip()[:200], "kind": kind, "threshold": check_threshold(threshold)}
        if kind == ForecasterKind.SCRIPT:
            if self.way.options:
                raise OptionRefused("options", "A script takes no options.")
            return told
        return {**told, "options": check_options(check_kind(kind), self.way.options)}


def request_fleet(chosen: Chosen, load: Load, asked: GroupAsk, requested_by: Any = None) -> FleetForecast:
    """A forecast of each chosen battery under one load. The kind `script` is each one's standing forecaster.

    Raises NoBatteries, OptionRefused, LoadRefused.
    """
    load = _without_file(load)
    batteries = chosen.batteries().only("pk", "name", "last_test_time")
    with transaction.atomic():
        fleet = FleetForecast.objects.create(
            **asked.fields(), load=load.description(), chosen=chosen.description(), requested_by=requested_by
        )
        fleet.total = _store_fleet_runs(fleet, batteries, load, asked, requested_by)
        fleet.job = _enqueue("forecast_fleet", "fleetforecast", fleet, requested_by)
        fleet.save(update_fields=["total", "job"])
        fleet.runs.update(job=fleet.job)
    return fleet


def request_comparison(
    battery: Battery, loads: Sequence[NamedLoad], asked: GroupAsk, requested_by: Any = None
) -> Comparison:
    """Forecasts of one battery under several named loads, all from the same past. Raises as `request_run`."""
    _check_loads(loads)
    way = replace(asked.way, options=asked.way.options or {})
    with transaction.atomic():
        comparison = Comparison.objects.create(
            **asked.fields(), battery=battery, total=len(loads), requested_by=requested_by
        )
        for place, named in enumerate(loads):
            run = new_run(battery, _without_file(named.load), requested_by, way)
            run.comparison, run.place, run.label = comparison, place, named.label.strip()[:MOST_LABEL]
            run.save()
        comparison.job = _enqueue("compare_loads", "comparison", comparison, requested_by)
        comparison.save(update_fields=["job"])
        comparison.runs.update(job=comparison.job)
    return comparison


def named_loads_from(given: Any) -> list[NamedLoad]:
    """From a list of maps with `label` and the fields of a load; raises LoadRefused: `loads[1].current`.

    `ahead_time` and `resolution` stand in each, for each load is one of its own.
    """
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise LoadRefused({"loads": ['Give a list of maps, such as [{"label": "as before", "ahead_time": 3.2e8}].']})
    _check_number(len(given))  # before any is read
    loads: list[NamedLoad] = []
    complaints: dict[str, Any] = {}
    for place, each in enumerate(given):
        text = each.get("csv") or ""
        Fields(each, complaints, f"loads[{place}].").refuse_others(FIELDS_OF_A_LOAD)
        try:
            load = load_from(each, text if isinstance(text, str) else "", strict=True, resolution=None)
            loads.append(NamedLoad(str(each.get("label") or ""), load))
        except LoadRefused as refused:
            complaints |= {f"loads[{place}].{name}": told for name, told in refused.fields.items()}
    if complaints:
        raise LoadRefused(complaints)
    return loads


def _check_loads(loads: Sequence[NamedLoad]) -> None:
    _check_number(len(loads))
    labels = [named.label.strip() for named in loads]
    for place, label in enumerate(labels):
        if not label:
            raise LoadRefused({f"loads[{place}].label": ["Give it a name, so that it is known on the chart."]})
        if label in labels[:place]:
            raise LoadRefused({f"loads[{place}].label": [f"Two loads are called {label[:40]!r}."]})


def _check_number(loads: int) -> None:
    if not 2 <= loads <= MOST_LOADS:
        told = "is 1" if loads == 1 else f"are {loads}"
        raise LoadRefused({"loads": [f"Give 2 to {MOST_LOADS} loads; there {told}."]})


def _without_file(load: Load) -> Load:
    """A CSV's rows are kept in a record: of a fleet in one for all its runs, of a comparison in each run's own."""
    if load.csv and sum(phase.rows for phase in load.phases) > MOST_KEPT_ROWS:
        complaint = f"It has more than {MOST_KEPT_ROWS:,} rows, which is too much for many forecasts at once."
        raise LoadRefused({"csv": [complaint]})
    return replace(load, csv="")


def _store_fleet_runs(
    fleet: FleetForecast, batteries: QuerySet[Battery], load: Load, asked: GroupAsk, requested_by: Any
) -> int:
    brief, total = without_rows(load.description()), 0
    standing: dict[str, Forecaster] = {}
    if fleet.kind == ForecasterKind.SCRIPT:
        standing = forecasters_of([battery.name for battery in batteries])
    runs = []
    for battery in batteries:
        version = standing.get(battery.name)
        run = ForecastRun(
            battery=battery, fleet=fleet, kind=version.kind if version else fleet.kind, forecaster=version,
            options=version.options if version else fleet.options, load=brief, threshold=fleet.threshold,
            as_of=asked.way.as_of, last_test_time=battery.last_test_time, requested_by=requested_by,
        )  # fmt: skip
        if fleet.kind == ForecasterKind.SCRIPT and (why := _why_not_by(version)):
            run.state, run.error_code, run.error = RunState.FAILED, "no_forecaster", why
        runs.append(run)
        total += 1
    ForecastRun.objects.bulk_create(runs, batch_size=BATCH)
    return total


def _why_not_by(version: Forecaster | None) -> str:
    """A sentence; empty where it can be asked."""
    if version is None:
        return "It has no forecaster of its own."
    if version.disabled_at is not None:
        return "Its forecaster is disabled."
    return "Its forecaster could not be loaded." if version.state == ForecasterState.FAILED else ""


def _enqueue(kind: str, model: str, group: FleetForecast | Comparison, requested_by: Any) -> Any:
    return enqueue(
        kind,
        subject=f"prognosis.{model}:{group.pk}",
        title=f"{group}: {group.total:,} forecasts"[:300],
        arguments={"group_id": group.pk},
        requested_by=requested_by,
        max_tries=3,
    )
