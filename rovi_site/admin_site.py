"""The admin's front: who may enter, and the index in the order of the work."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from access.roles import Role, role_of

# From what sends data to who may come in. Rooms and records that are not named follow, in alphabetical order.
ROOMS = ("datahub", "fleet", "twin", "prognosis", "jobs", "access")
PEOPLE = "auth"  # Django's accounts, shown beside our tokens
RECORDS = (
    "Battery", "DataImport", "Asset", "EnergyForecast", "Estimator", "Forecaster", "ForecastRun", "Job", "Worker",
    "User", "Token",
)  # fmt: skip


class RoviAdminSite(admin.AdminSite):
    site_title = "ROVI admin"
    site_header = "ROVI"
    index_title = "Register, configure, repair"
    site_url = "/"
    enable_nav_sidebar = False  # our own navigation stands above every page

    def has_permission(self, request: HttpRequest) -> bool:
        return role_of(request.user) >= Role.VIEWER

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One login for pages and admin."""
        to = request.GET.get("next", "") or "/admin/"
        if not request.user.is_authenticated:
            return redirect_to_login(to)
        if not self.has_permission(request):
            raise PermissionDenied("Your account has no role yet. Ask an administrator to give it one.")
        return redirect("admin:index")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        rooms: list[dict[str, Any]] = list(super().get_app_list(request, app_label))
        accounts = next((room for room in rooms if room["app_label"] == PEOPLE), None)
        beside = next((room for room in rooms if room["app_label"] == "access"), None)
        if accounts and beside:
            beside["models"] += accounts["models"]
            rooms.remove(accounts)
        for room in rooms:
            room["models"].sort(key=lambda record: _place(RECORDS, record["object_name"]))
        return sorted(rooms, key=lambda room: _place(ROOMS, room["app_label"]))


def _place(order: tuple[str, ...], name: str) -> tuple[int, str]:
    return (order.index(name) if name in order else len(order), name)
