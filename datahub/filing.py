"""The verbs that keep a large fleet in order: tag batteries, and file those away that nobody needs to see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from access.auditing import note, shown
from access.errors import Refused
from datahub.models import Battery
from datahub.validators import MOST_TAGS, why_tag_is_refused


class TagRefused(Refused):
    code = "tag_refused"
    status = 422


def tag_batteries(batteries: Collection[int], tag: str) -> int:
    """Gives the batteries of these ids a tag; tells how many had it not. Raises TagRefused."""
    tag = _checked(tag)

    def with_tag(tags: list[str]) -> list[str]:
        if len(tags) >= MOST_TAGS and tag not in tags:
            raise TagRefused(f"A battery has at most {MOST_TAGS} tags, and one of these has them already.")
        return sorted({*tags, tag})

    return _retag(batteries, with_tag)


def untag_batteries(batteries: Collection[int], tag: str) -> int:
    """Takes a tag from the batteries of these ids; tells how many had it."""
    return _retag(batteries, lambda tags: [each for each in tags if each != tag.strip()])


def archive_batteries(batteries: Collection[int]) -> list[int]:
    """Takes them out of the fleet's lists; what they sent stays, and what they send is stored. Tells which it took."""
    return _file(batteries, is_archived=False, moment=timezone.now(), action="archived")


def restore_batteries(batteries: Collection[int]) -> list[int]:
    """Puts archived ones back; tells which."""
    return _file(batteries, is_archived=True, moment=None, action="restored")


def tags_there_are() -> list[str]:
    """Each once, in order."""
    found = Battery.objects.exclude(tags=[]).order_by().values_list("tags", flat=True)
    return sorted({tag for tags in found.iterator() for tag in tags})


def with_tag(batteries: QuerySet[Battery], tag: str) -> QuerySet[Battery]:
    """Those that have it. Databases write letters beyond ASCII in JSON each in their own way."""
    written = {json.dumps(tag, ensure_ascii=is_ascii) for is_ascii in (True, False)}
    pattern = "|".join(map(re.escape, sorted(written)))
    return batteries.annotate(tags_text=Cast("tags", TextField())).filter(tags_text__regex=pattern)


def _checked(tag: str) -> str:
    if why := why_tag_is_refused(tag):
        raise TagRefused(why, fields={"tag": [why]})
    return tag.strip()


def _retag(batteries: Collection[int], change: Callable[[list[str]], list[str]]) -> int:
    changed = []
    with transaction.atomic():
        for battery in Battery.objects.select_for_update().filter(pk__in=batteries).only("pk", "name", "tags"):
            tags = change(battery.tags)
            if tags != battery.tags:
                note("tagged", battery, changes={"tags": [shown("tags", battery.tags), shown("tags", tags)]})
                battery.tags = tags
                changed.append(battery)
        Battery.objects.bulk_update(changed, ["tags"], batch_size=500)
    return len(changed)


def _file(batteries: Collection[int], *, is_archived: bool, moment: datetime | None, action: str) -> list[int]:
    with transaction.atomic():
        found = Battery.objects.select_for_update().filter(pk__in=batteries, archived_at__isnull=not is_archived)
        taken = list(found.only("pk", "name", "archived_at"))
        for battery in taken:
            ends = [shown("archived_at", battery.archived_at), shown("archived_at", moment)]
            note(action, battery, changes={"archived_at": ends})
        Battery.objects.filter(pk__in=[battery.pk for battery in taken]).update(archived_at=moment)
    return [battery.pk for battery in taken]
