"""Who changed what: entries for records made, changed and deleted, and for what was done beside that.

A room says in its AppConfig which fields of its records people decide: `audited = {"battery": ("name", …)}`. What the
service itself counts and measures is telemetry, and stands in no entry. Changes by `save` and `delete` are noted by
themselves; a verb that writes in another way calls `note`.

Entries are written in the transaction of what they tell, so that neither is there without the other.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.db import models
from django.http import HttpRequest

from access.addresses import address_of
from access.models import AuditEntry, Token

MASKED = "•••"
SECRET_FIELDS = ("password", "digest", "secret", "key")
LONGEST_VALUE = 500
CREATED, CHANGED, DELETED = "created", "changed", "deleted"

Changes = dict[str, list[Any]]


@dataclass
class Deed:
    """What a request, or a socket, is doing: `request` tells who only later, when a view has found it out."""

    door: str
    address: str = ""
    request: HttpRequest | None = None
    user: Any = None
    token: Token | None = None
    is_routine: bool = False  # what the service does by itself, by its settings: no entry tells it


_now_doing: ContextVar[Deed | None] = ContextVar("rovi_now_doing", default=None)


@contextmanager
def doing(deed: Deed) -> Iterator[None]:
    before = _now_doing.set(deed)
    try:
        yield
    finally:
        _now_doing.reset(before)


def deed_of(request: HttpRequest) -> Deed:
    return Deed(_door_of(request.path), address_of(request), request)


def now_doing() -> Deed | None:
    return _now_doing.get()


def note(
    action: str,
    record: models.Model | None = None,
    *,
    changes: Changes | None = None,
    note: str = "",
    user: Any = None,
    address: str = "",
) -> AuditEntry:
    """Writes that `action` was done (to `record`).

    By `user` where nobody is logged in yet, as at a login; from `address` where no request tells, as on a socket.
    """
    entry = _entry(_now_doing.get(), action, record, changes, note, user, address)
    entry.save(force_insert=True)
    return entry


def note_created(records: Iterable[tuple[models.Model, Deed | None]]) -> None:
    """Of many at once, each with whose doing it was; None: that of whoever calls."""
    AuditEntry.objects.bulk_create(
        [_entry(deed or _now_doing.get(), CREATED, record, {"name": ["", str(record)]}) for record, deed in records]
    )


def _entry(
    deed: Deed | None,
    action: str,
    record: models.Model | None,
    changes: Changes | None = None,
    note: str = "",
    user: Any = None,
    address: str = "",
) -> AuditEntry:
    who, token = (user, None) if user is not None else _who(deed)
    return AuditEntry(
        user=who if who is not None and who.pk and not _is_gone(who, record, action) else None,
        who=who.get_username()[:150] if who is not None else "" if deed or address else _of_the_machine(),
        token=str(token)[:130] if token is not None else "",
        address=deed.address if deed else address,
        door=deed.door if deed else "socket" if address else _program(),
        action=action[:40],
        kind=record._meta.label_lower if record is not None else "",
        record=_id_of(record) if record is not None else "",
        name=str(record)[:255] if record is not None else "",
        changes=changes or {},
        note=note[:300],
    )


def entries_about(record: models.Model) -> models.QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(kind=record._meta.label_lower, record=_id_of(record)).select_related("user")


def shown(field: str, value: Any) -> Any:
    """A value as an entry keeps it: JSON, not too long, and no secret."""
    if any(word in field for word in SECRET_FIELDS):
        return MASKED if value else ""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value.get_username() if hasattr(value, "get_username") else str(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


def _who(deed: Deed | None) -> tuple[Any, Token | None]:
    if deed is None:
        return None, None
    if deed.request is None:
        return deed.user, deed.token
    user, token = getattr(deed.request, "user", None), getattr(deed.request, "auth", None)
    known = user is not None and user.is_authenticated
    return (user if known else None), (token if isinstance(token, Token) else None)


def _is_gone(who: Any, record: models.Model | None, action: str) -> bool:
    """Somebody who deletes the own account."""
    return action == DELETED and isinstance(record, type(who)) and record.pk == who.pk


def _id_of(record: models.Model) -> str:
    """A token is named by its first characters: its key is the hash that it is checked with."""
    return record.token_key if isinstance(record, Token) else str(record.pk)


def _door_of(path: str) -> str:
    if path.startswith("/admin/"):
        return "admin"
    return "REST" if path.startswith(("/api/", "/db/", "/online/", "/prognosis/")) else "page"


@cache
def _program() -> str:
    """What this process runs: `manage.py run_worker`, say."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:2]] if sys.argv and sys.argv[0] else ["python"]
    return ("service" if words[0] == "web.py" else " ".join(words))[:100]


@cache
def _of_the_machine() -> str:
    try:
        return f"{getpass.getuser()} (of the machine)"[:150]
    except (KeyError, OSError):  # a user without a name, as in containers
        return ""
