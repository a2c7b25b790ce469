"""The answers that the seed paths and REST share: of a query or a body, the map that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request

from access.pacing import pace_of
from energykit.quarters import MICROSECONDS, labelled
from fleet import queries
from fleet.accounting.posting import post_readings
from fleet.bodies import json_of
from fleet.forecasting.expecting import expected_energy
from fleet.forecasting.names import LINEAR
from fleet.models import Kind
from fleet.queries import Known, exactly_labelled, shown
from fleet.validators import checked_post
from fleet.windows import QuartersAsked, fleet_asked, forecast_asked, quarters_asked, top_asked

Answer = dict[str, Any]


def receipt(request: Request) -> Answer:
    """Raises ReadingsRefused, OfBattery, TooManyRows; nothing is stored then."""
    pace = pace_of(request.user, getattr(request._request, "auth", None))
    if pace is not None:
        pace.refuse_if_owing()
    posted = checked_post(json_of(request._request))
    if pace is not None:
        pace.charge(len(posted.readings))
    return post_readings(posted).as_map()


def batch_receipt(request: Request) -> Answer:
    """As `receipt`, of readings of many assets."""
    from fleet.accounting.batches import store_batch  # noqa: PLC0415  (numpy; a web process boots without it)
    from fleet.batch_bodies import read_batch  # noqa: PLC0415

    pace = pace_of(request.user, getattr(request._request, "auth", None))
    if pace is not None:
        pace.refuse_if_owing()
    read = read_batch(request._request, request.query_params)
    if pace is not None:
        pace.charge(len(read.batch))
    stored = store_batch(read.batch)
    return {
        "assets": stored.assets,
        "accepted": stored.readings - read.skipped,
        "skipped": read.skipped,
        "first_skipped": read.first_skipped,
        "warnings": read.warned,
        "first_warnings": read.first_warnings,
        "quarters": stored.quarters,
    }


def quarters(query: Mapping[str, Any]) -> Answer:
    asked = quarters_asked(query)
    asset = queries.asset_numbered(asked.number)
    found = queries.with_partial(queries.quarters_between(asset, asked.start, asked.end), asked.partial)
    if asked.fill != queries.NONE:
        found = queries.filled(found, asked.start, asked.end, asked.fill)
    return {
        "spaceship_id": asked.number,
        "units": "kWh",
        "data": [_quarter(known, asked, asset.battery_id is not None) for known in found],
    }


def _quarter(known: Known, asked: QuartersAsked, is_battery: bool) -> Answer:
    answer: Answer = {"datetime": labelled(known.start, asked.zone), "value": _shown(known.energy)}
    if asked.detail:
        answer["covered_seconds"] = shown(known.covered / MICROSECONDS)
        if is_battery:
            answer["charged"] = _shown(known.charged)
    return answer


def top(query: Mapping[str, Any], *, with_kind: bool = False) -> Answer:
    asked = top_asked(query, Kind.values if with_kind else ())
    found = queries.top_users(asked.count, asked.start, asked.end, asked.kind)
    return {
        "datetime": None if found.start is None else exactly_labelled(found.start),
        "ships": [{"spaceship_id": number, "consumption": shown(energy)} for number, energy in found.users],
    }


def forecast(query: Mapping[str, Any]) -> Answer:
    asked = forecast_asked(query, LINEAR)
    asset = queries.asset_numbered(asked.number)
    expected = expected_energy(asset, asked.start, asked.end, asked.model)
    return {"datetime": exactly_labelled(asked.start), "expected_consumption": shown(expected)}


def fleet(query: Mapping[str, Any]) -> Answer:
    asked = fleet_asked(query, tuple(queries.RESOLUTIONS))
    found = queries.fleet_energy(asked.start, asked.end, asked.resolution)
    return {
        "units": "kWh",
        "resolution": asked.resolution,
        "data": [
            {
                "datetime": labelled(each.start),
                "kind": each.kind,
                "value": shown(each.energy),
                "charged": shown(each.charged),
                "covered_seconds": shown(each.covered / MICROSECONDS),
                "assets": each.assets,
            }
            for each in found
        ],
    }


def _shown(energy: float | None) -> int | float | None:
    return None if energy is None else shown(energy)
