"""What every page's template knows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from access.roles import Role, role_of
from jobs.queries import any_worker_is_alive


@dataclass(frozen=True)
class Room:
    """An entry of the navigation."""

    name: str
    address: str
    is_here: bool


def navigation(request: HttpRequest) -> dict[str, Any]:
    role = role_of(getattr(request, "user", None))
    return {
        "role": role,
        "rooms": _rooms(request.path) if role >= Role.VIEWER else [],
        "no_worker": role >= Role.VIEWER and SimpleLazyObject(lambda: not any_worker_is_alive()),
    }


# Name, the address's name, and what else lies in that room. One whose address is not there is not installed.
ENTRIES = (
    ("Fleet", "home", ("/dashboard/", "/passport/")),
    ("Estimators", "estimators", ("/estimators/", "/admin/twin/estimator/")),
    ("Cell models", "parameter-sets", ("/parameter-sets/", "/fit/", "/admin/twin/parameterset/")),
    ("Forecasts", "forecasts", ("/forecasts/", "/forecasters", "/admin/prognosis/")),
    ("Energy", "energy", ("/energy/", "/admin/fleet/")),
    ("Import", "imports", ("/import/", "/export")),
    ("Jobs", "jobs", ()),
    ("Status", "status", ()),
    ("Admin", "admin:index", ()),
    ("API", "api-docs", ()),
)


def _rooms(path: str) -> list[Room]:
    found = []
    for name, route, also in ENTRIES:
        with suppress(NoReverseMatch):
            found.append((name, reverse(route), also))
    matches = [(len(start), name) for name, address, also in found for start in (address, *also) if _leads(start, path)]
    here = max(matches, default=(0, ""))[1]
    return [Room(name, address, name == here) for name, address, _ in found]


def _leads(start: str, path: str) -> bool:
    return path == start or (start != "/" and path.startswith(start))
