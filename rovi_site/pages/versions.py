"""The versions of a battery's estimator on its page: how far each is, two of them compared, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access.decorators import need, page_for
from access.errors import Refused
from access.roles import Role, role_of
from datahub.models import Battery
from rovi_site.pages import errors
from rovi_site.pages.health import Spread, spread_of
from rovi_site.pages.version_series import Difference, differences
from rovi_site.pages.words import Badge, estimator_badge
from twin import tables
from twin.health import Health, health_of
from twin.models import Estimator, VersionChange
from twin.provenance import provenance
from twin.queries import with_all_it_takes
from twin.registration import retry_estimator
from twin.results import delete_results, loss_of_results
from twin.versions import follow, promote, roll_back, stop_following, version_before

SHOWN_VERSIONS = 20
SHOWN_CHANGES = 10


@dataclass(frozen=True)
class VersionRow:
    estimator: Estimator
    badge: Badge
    health: Health

    @property
    def capacity(self) -> Spread:
        return spread_of(self.health.capacity, self.health.capacity_sd, 1.0, 3)

    @property
    def r0(self) -> Spread:
        return spread_of(self.health.r0, self.health.r0_sd, 1000.0, 1)

    @property
    def can_be_promoted(self) -> bool:
        loaded = not self.estimator.is_script or bool(self.estimator.entry)
        return loaded and not self.estimator.is_current and self.estimator.state != "failed"


def versions_context(request: HttpRequest, battery: Battery) -> dict[str, Any]:
    """What the panel shows; `a` and `b` of the address choose the two that are compared."""
    versions = version_rows(battery, SHOWN_VERSIONS)
    a, b = _compared(request, versions)
    current = next((row.estimator for row in versions if row.estimator.is_current), None)
    role = role_of(request.user)
    return {
        "versions": versions,
        "compared": (a, b),
        "differences": _differences(a, b),
        "version_changes": VersionChange.objects.filter(battery=battery).select_related("by")[:SHOWN_CHANGES],
        "roll_back_to": version_before(current) if current else None,
        "may_change_versions": role >= Role.ENGINEER,
        "may_delete_results": role >= Role.ADMINISTRATOR,
        "compare_address": reverse("version-series", args=[battery.pk]),
    }


def version_rows(battery: Battery, most: int) -> list[VersionRow]:
    """Newest first."""
    found = with_all_it_takes().select_related("registered_by").filter(battery=battery).order_by("-version")
    return [VersionRow(each, badge_of_version(each), health_of(each)) for each in found[:most]]


def followed_of(battery: Battery) -> list[int]:
    """Ids of the versions that are stepped beside the current one, for a page to watch."""
    return list(Estimator.objects.filter(battery=battery, followed=True).values_list("pk", flat=True))


def badge_of_version(estimator: Estimator) -> Badge:
    health = health_of(estimator)
    badge = estimator_badge(health.condition, health.rows_behind)
    stands_still = not estimator.is_current and not estimator.followed and estimator.state == "ready"
    return Badge("Stands still", "ended", "idle", badge.sentence, exact=badge.exact) if stands_still else badge


def _compared(request: HttpRequest, versions: list[VersionRow]) -> tuple[Estimator | None, Estimator | None]:
    """Those that were asked for; else the current one, and the newest other that has estimates."""
    by_id = {str(row.estimator.pk): row.estimator for row in versions}
    current = next((row.estimator for row in versions if row.estimator.is_current), None)
    a = by_id.get(request.GET.get("a", ""), current)
    others = [row.estimator for row in versions if row.estimator != a and row.estimator.progress.rows_stepped]
    b = by_id.get(request.GET.get("b", "")) or (others[0] if others else None)
    return a, b if b != a else None


def _differences(a: Estimator | None, b: Estimator | None) -> list[Difference]:
    return [] if a is None or b is None else differences(a, b)


# --- what can be done ------------------------------------------------------------------------------------------------
VERBS: dict[str, tuple[str, Callable[[Estimator, Any], Any]]] = {
    "promote": ("v{0} is current now.", promote),
    "roll-back": ("Rolled back from v{0}.", roll_back),
    "follow": ("v{0} is stepped beside the current version.", lambda version, by: follow(version)),
    "stop-following": ("v{0} stands still.", lambda version, by: stop_following(version)),
    "retry": ("v{0} is tried once more.", retry_estimator),
}


@require_POST
@page_for(Role.ENGINEER)
def act_on_version(request: HttpRequest, estimator_id: int, verb: str) -> HttpResponse:
    version = _version(estimator_id)
    if verb not in VERBS:
        raise Http404(f"There is nothing called {verb} to do with a version.")
    done, act = VERBS[verb]
    try:
        act(version, request.user)
    except Refused as refused:
        messages.error(request, f"{refused.message} {refused.hint}".strip())
    else:
        messages.success(request, done.format(version.version))
    return redirect("estimator", version.pk) if request.POST.get("back") == "estimator" else redirect(_panel(version))


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(Role.ADMINISTRATOR)
def delete_results_page(request: HttpRequest, estimator_id: int) -> HttpResponse:
    """Tells what would go, and asks."""
    version = _version(estimator_id)
    loss = loss_of_results(version)
    if request.method == "POST":
        need(Role.ADMINISTRATOR, request, "Deleting results")
        try:
            delete_results(version, even_if_current=request.POST.get("even_if_current") == "yes")
        except Refused as refused:
            messages.error(request, f"{refused.message} {refused.hint}".strip())
            return redirect("version-delete-results", version.pk)
        messages.success(request, f"Deleted {loss} of v{version.version}.")
        return redirect(_panel(version))
    context = {"version": version, "battery": version.battery, "loss": loss, "panel": _panel(version)}
    return render(request, "pages/delete_results.html", context)


@require_GET
@page_for(Role.VIEWER)
def provenance_page(request: HttpRequest, estimator_id: int) -> HttpResponse:
    """Where the estimate of a row comes from; without one, or with `t`, the last estimate up to that test_time."""
    version = _version(estimator_id)
    row = request.GET.get("row", "")
    context: dict[str, Any] = {"version": version, "battery": version.battery, "panel": _panel(version)}
    try:
        row_id = int(row) if row.isdecimal() and len(row) < 19 else _last_row(version, request.GET.get("t", ""))
        context["told"] = provenance(version, row_id)
    except Refused as refused:
        return errors.refused(request, refused)
    return render(request, "pages/provenance.html", context)


def _last_row(version: Estimator, text: str) -> int:
    """Id of the row of the last estimate at or before t; 0 where there is none."""
    if not version.progress.state_names:
        return 0
    try:
        until = float(text) if text else None
    except ValueError:
        until = None
    return tables.last_row(connection, version.pk, until) or 0


def _version(estimator_id: int) -> Estimator:
    found = Estimator.objects.select_related("battery", "progress", "registered_by").filter(pk=estimator_id).first()
    if found is None:
        raise Http404(f"There is no estimator {estimator_id}.")
    return found


def _panel(version: Estimator) -> str:
    return f"{reverse('dashboard', args=[version.battery.name])}?tab=health#versions"
