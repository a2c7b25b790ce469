"""What is done with one battery from its page: end its test, archive it, tag it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from access.decorators import page_for
from access.errors import Refused
from access.roles import Role
from datahub.filing import archive_batteries, restore_batteries, tag_batteries, untag_batteries
from datahub.models import Battery
from datahub.registration import finish, reopen


@require_POST
@page_for(Role.OPERATOR)
def act_on_battery(request: HttpRequest, battery_id: int, verb: str) -> HttpResponse:
    battery = Battery.objects.filter(pk=battery_id).first()
    if battery is None or verb not in VERBS:
        raise Http404(f"There is no battery {battery_id} to {verb}.")
    try:
        done, sentence = VERBS[verb](battery, request.POST.get("tag", ""))
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        tell = messages.success if done else messages.warning
        tell(request, sentence if done else "It was so already; nothing was changed.")
    return redirect("dashboard", battery.name)


def _finish(battery: Battery, tag: str) -> tuple[bool, str]:
    return finish(battery), "Finished: silence is no alarm any more. What it sends is still stored."


def _reopen(battery: Battery, tag: str) -> tuple[bool, str]:
    return reopen(battery), "Reopened: rows are expected again."


def _archive(battery: Battery, tag: str) -> tuple[bool, str]:
    return bool(archive_batteries([battery.pk])), "Archived: out of the fleet's lists, and nothing is deleted."


def _restore(battery: Battery, tag: str) -> tuple[bool, str]:
    return bool(restore_batteries([battery.pk])), "Restored: back in the fleet's lists."


def _tag(battery: Battery, tag: str) -> tuple[bool, str]:
    return bool(tag_batteries([battery.pk], tag)), f"Tagged {tag.strip()!r}."


def _untag(battery: Battery, tag: str) -> tuple[bool, str]:
    return bool(untag_batteries([battery.pk], tag)), f"Without the tag {tag.strip()!r}."


VERBS: dict[str, Callable[[Battery, str], tuple[bool, str]]] = {
    "finish": _finish,
    "reopen": _reopen,
    "archive": _archive,
    "restore": _restore,
    "tag": _tag,
    "untag": _untag,
}
