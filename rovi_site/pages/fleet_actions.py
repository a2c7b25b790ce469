"""What is done with many batteries at once: tag them, archive them, download their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role
from datahub.exports.archive import download_archive
from datahub.filing import archive_batteries, restore_batteries, tag_batteries, untag_batteries
from datahub.models import Battery
from rovi_site.pages.fleet import chosen_of, fleet_now
from rovi_site.pages.numbers import count

UNDO = "undo"  # in the session: the verb that takes the last one back, its word and the batteries


@require_POST
@page_for(Role.OPERATOR)
def act_on_fleet(request: HttpRequest, verb: str) -> HttpResponse:
    """Does `verb` with the ticked batteries, or with all that the filters match where `all` is ticked."""
    if verb not in VERBS:
        raise Http404(f"Nothing is called {verb!r} here.")
    chosen = _chosen(request.POST)
    if not chosen:
        messages.warning(request, "No battery was ticked, so nothing was done.")
        return _back(request)
    try:
        VERBS[verb](request, chosen, request.POST.get("tag", ""))
    except Refused as refused:
        messages.error(request, refused.message)
    return _back(request)


@require_POST
@page_for(Role.OPERATOR)
def undo_on_fleet(request: HttpRequest) -> HttpResponse:
    last = request.session.pop(UNDO, None)
    if last is None:
        messages.warning(request, "There is nothing to undo any more.")
        return redirect("home")
    VERBS[last["verb"]](request, last["batteries"], last["tag"])
    return _back(request)


@require_GET
@page_for(Role.VIEWER)
def export_fleet(request: HttpRequest) -> HttpResponse:
    """The rows of the ticked batteries, or of all that the filters match: one Parquet file each, in an archive."""
    batteries = list(Battery.objects.filter(pk__in=_chosen(request.GET)).order_by("name"))
    if not batteries:
        messages.warning(request, "No battery was ticked, so there is nothing to export.")
        return _back(request)
    archive: Any = download_archive(request, batteries)  # a streaming answer, which the types hold for no answer
    return archive


def _tag(request: HttpRequest, chosen: Sequence[int], tag: str) -> None:
    changed = tag_batteries(chosen, tag)
    _tell(request, changed, f"tagged {tag.strip()!r}", chosen, f"had it before: {count(len(chosen) - changed)}")
    _remember(request, "untag", chosen, tag)


def _untag(request: HttpRequest, chosen: Sequence[int], tag: str) -> None:
    changed = untag_batteries(chosen, tag)
    _tell(request, changed, f"without the tag {tag.strip()!r}", chosen, f"had it not: {count(len(chosen) - changed)}")
    _remember(request, "tag", chosen, tag)


def _archive(request: HttpRequest, chosen: Sequence[int], tag: str) -> None:
    changed = archive_batteries(chosen)
    _tell(request, len(changed), "archived: out of the lists, and nothing is deleted", changed, "")
    _remember(request, "restore", changed)


def _restore(request: HttpRequest, chosen: Sequence[int], tag: str) -> None:
    changed = restore_batteries(chosen)
    _tell(request, len(changed), "back in the fleet", changed, "")
    _remember(request, "archive", changed)


VERBS = {"tag": _tag, "untag": _untag, "archive": _archive, "restore": _restore}


def _tell(request: HttpRequest, changed: int, done: str, chosen: Sequence[int], otherwise: str) -> None:
    rest = f"; {otherwise}" if otherwise and len(chosen) > changed else ""
    noun = "battery" if changed == 1 else "batteries"
    messages.success(request, f"{count(changed)} {noun} {done}{rest}.", extra_tags=UNDO if changed else "")


def _remember(request: HttpRequest, verb: str, batteries: Sequence[int], tag: str = "") -> None:
    request.session[UNDO] = {"verb": verb, "batteries": list(batteries), "tag": tag}


def _chosen(form: QueryDict) -> list[int]:
    if form.get("all"):
        return [battery.pk for battery in chosen_of(fleet_now(), QueryDict(form.get("matching", "")))]
    return [int(text) for text in form.getlist("battery") if text.isdecimal() and len(text) < 18]


def _back(request: HttpRequest) -> HttpResponse:
    """To the list as it was filtered."""
    form: Any = request.POST or request.GET
    filters = QueryDict(form.get("matching", "")).urlencode()
    return redirect(reverse("home") + (f"?{filters}" if filters else ""))
