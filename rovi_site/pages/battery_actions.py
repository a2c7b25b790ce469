"""What is done with one battery from its page: end its test, archive it, tag it, write at a time what happened."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role
from datahub.errors import MarkRefused
from datahub.filing import archive_batteries, restore_batteries, tag_batteries, untag_batteries
from datahub.marks import mark_event
from datahub.models import Battery, Mark
from datahub.registration import finish, reopen
from rovi_site.pages.clocks import offset_of
from rovi_site.pages.numbers import all_seconds
from rovi_site.pages.ranges import moment_of

Done = tuple[bool, str]  # whether anything was changed, and the sentence


@require_POST
@page_for(Role.OPERATOR)
def act_on_battery(request: HttpRequest, battery_id: int, verb: str) -> HttpResponse:
    battery = Battery.objects.filter(pk=battery_id).first()
    if battery is None or verb not in VERBS:
        raise Http404(f"There is no battery {battery_id} to {verb}.")
    try:
        done, sentence = VERBS[verb](battery, request)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        tell = messages.success if done else messages.warning
        tell(request, sentence if done else "It was so already; nothing was changed.")
    back = reverse("dashboard", args=[battery.name])
    return redirect(f"{back}?tab=data#marks" if verb == "unmark" else back)


def _finish(battery: Battery, request: HttpRequest) -> Done:
    return finish(battery), "Finished: silence is no alarm any more. What it sends is still stored."


def _reopen(battery: Battery, request: HttpRequest) -> Done:
    return reopen(battery), "Reopened: rows are expected again."


def _archive(battery: Battery, request: HttpRequest) -> Done:
    return bool(archive_batteries([battery.pk])), "Archived: out of the fleet's lists, and nothing is deleted."


def _restore(battery: Battery, request: HttpRequest) -> Done:
    return bool(restore_batteries([battery.pk])), "Restored: back in the fleet's lists."


def _tag(battery: Battery, request: HttpRequest) -> Done:
    tag = request.POST.get("tag", "")
    return bool(tag_batteries([battery.pk], tag)), f"Tagged {tag.strip()!r}."


def _untag(battery: Battery, request: HttpRequest) -> Done:
    tag = request.POST.get("tag", "")
    return bool(untag_batteries([battery.pk], tag)), f"Without the tag {tag.strip()!r}."


def _mark(battery: Battery, request: HttpRequest) -> Done:
    try:
        at = moment_of(request.POST.get("t", "").strip() or "end", battery.last_test_time or 0.0, offset_of(battery))
    except ValueError as unreadable:
        raise MarkRefused(str(unreadable)) from None
    mark = mark_event(battery, at, request.POST.get("text", ""), request.user)
    return True, f"Marked {mark.text!r} at {all_seconds(at)}; it stands in the charts. The tab Data removes it."


def _unmark(battery: Battery, request: HttpRequest) -> Done:
    number = request.POST.get("mark", "")
    known = number.isdecimal() and len(number) < 18
    mark = Mark.objects.filter(battery=battery, pk=int(number)).first() if known else None
    if mark is None:
        return False, ""
    mark.delete()
    return True, f"Removed the mark {mark.text!r}."


VERBS: dict[str, Callable[[Battery, HttpRequest], Done]] = {
    "finish": _finish,
    "reopen": _reopen,
    "archive": _archive,
    "restore": _restore,
    "tag": _tag,
    "untag": _untag,
    "mark": _mark,
    "unmark": _unmark,
}
