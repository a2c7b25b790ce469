"""Filters and tags of the pages' templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from access.audit_words import changes_in_words
from access.auditing import entries_about
from access.models import AuditEntry
from access.roles import Role, role_of
from rovi_site.pages import numbers
from rovi_site.pages.spans import span
from rovi_site.pages.words import Badge, kind_in_words, made_with_words, skipped_in_words

ENTRIES_SHOWN = 200

register = template.Library()
register.filter("changes_in_words", changes_in_words)
register.filter("count", numbers.count)
register.filter("duration", numbers.duration)
register.filter("kind_in_words", kind_in_words)
register.filter("made_with", made_with_words)
register.filter("skipped_in_words", skipped_in_words)
register.filter("span", span)


@register.filter
def number(value: float | str | None, digits: int = 1) -> str:
    """A name that a template finds nothing for is '' there."""
    return numbers.number(None if isinstance(value, str) else value, int(digits))


@register.filter
def kwh(energy: float | None) -> str:
    """Two decimals, or three digits of what is less than one: cells on a bench use thousandths of a kWh."""
    if energy == 0:
        return "0"
    return numbers.number(energy, numbers.digits_of_small(energy))


@register.filter
def size(value: float) -> float:
    return abs(value)


@register.filter
def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 as a number of percent, without the sign."""
    return numbers.number(None if share is None else share * 100, int(digits))


@register.filter
def fields(sentence: str) -> SafeString:
    """A sentence in which the names of fields stand between backticks, these as code."""
    parts = enumerate(sentence.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if odd % 2 else part,) for odd, part in parts)
    )


@register.inclusion_tag("site/badge.html")
def badge(shown: Badge) -> dict[str, Badge]:
    return {"badge": shown}


@register.simple_tag
def audit_of(record: Any, user: Any) -> list[AuditEntry]:
    """The newest entries about a record, for administrators; empty for others."""
    return list(entries_about(record)[:ENTRIES_SHOWN]) if role_of(user) >= Role.ADMINISTRATOR else []


@register.filter
def moment(text: str) -> str:
    """An ISO moment to the second, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@register.filter
def plain(value: Any) -> str:
    """Metadata as words: the values of a record after their names, a lone name as it is."""
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value)
    if not isinstance(value, dict):
        return str(value)
    known = {name: plain(each) for name, each in value.items() if each not in (None, "", [], {})}
    first = known.pop("name", "")
    return ", ".join(([first] if first else []) + [f"{name} {each}" for name, each in known.items()])


@register.simple_tag
def ago(moment: datetime | float | None) -> SafeString | str:
    """How long ago, kept true by the page's clock; the title has the time itself. Takes Unix seconds too."""
    if moment is None:
        return numbers.UNKNOWN
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    at = moment.astimezone(UTC)
    seconds = (datetime.now(UTC) - at).total_seconds()
    return format_html(
        '<time datetime="{}" data-age title="{}">{} ago</time>',
        at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        numbers.duration(seconds),
    )


@register.simple_tag(takes_context=True)
def address_with(context: dict[str, Any], **changes: Any) -> str:
    """This page's address with some parameters changed; None or '' takes one out."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name.rstrip("_"), None)
        else:
            query[name.rstrip("_")] = str(value)
    return f"{request.path}?{query.urlencode()}" if query else request.path
