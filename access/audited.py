"""Notes by itself what is saved and deleted of the records that rooms name in `audited` (see access.auditing)."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from access.auditing import CHANGED, CREATED, DELETED, Changes, note, now_doing, shown

PEOPLE = (
    "username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser", "password",
)  # fmt: skip


def watch_records() -> None:
    """Called once all apps are loaded."""
    for room in apps.get_app_configs():
        for model, fields in audited_by(room).items():
            _watch(apps.get_model(room.label, model), fields)
    user = get_user_model()
    _watch(user, PEOPLE)
    m2m_changed.connect(_note_roles, user.groups.through, dispatch_uid="access.audit_roles")  # type: ignore[attr-defined]
    user_logged_in.connect(_note_login, dispatch_uid="access.audit_login")
    user_logged_out.connect(_note_logout, dispatch_uid="access.audit_logout")
    user_login_failed.connect(_note_failed_login, dispatch_uid="access.audit_failed_login")


def audited_by(room: AppConfig) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = getattr(room, "audited", {})
    return found


def _watch(model: type[models.Model], fields: tuple[str, ...]) -> None:
    def before_save(instance: Any, raw: bool, update_fields: Any = None, **_: Any) -> None:
        instance._values_before = None if raw or instance._state.adding else _stored(instance, fields, update_fields)

    def after_save(instance: Any, created: bool, raw: bool, **_: Any) -> None:
        before: dict[str, Any] | None = instance.__dict__.pop("_values_before", None)
        if raw:
            return
        if created:
            note(CREATED, instance, changes={name: ["", value] for name, value in _values(instance, fields).items()})
        elif before is not None and (changes := _differences(before, instance)):
            note(CHANGED, instance, changes=changes)

    def after_delete(instance: Any, origin: Any = None, **_: Any) -> None:
        # What goes along with another record is told by that one's entry; a fleet's forecasts would fill pages.
        of_queryset = isinstance(origin, models.QuerySet) and origin.model is model
        is_routine = (deed := now_doing()) is not None and deed.is_routine
        if not is_routine and (origin is None or of_queryset or origin is instance):
            note(DELETED, instance, changes={name: [value, ""] for name, value in _values(instance, fields).items()})

    label = model._meta.label_lower
    pre_save.connect(before_save, model, weak=False, dispatch_uid=f"audit.before.{label}")
    post_save.connect(after_save, model, weak=False, dispatch_uid=f"audit.saved.{label}")
    post_delete.connect(after_delete, model, weak=False, dispatch_uid=f"audit.deleted.{label}")


def _stored(instance: models.Model, fields: tuple[str, ...], update_fields: Any) -> dict[str, Any] | None:
    """The values as they are in the database; None where no field that counts is written, which asks nothing."""
    written = fields if update_fields is None else tuple(name for name in fields if name in update_fields)
    if not written:
        return None
    return type(instance)._default_manager.filter(pk=instance.pk).values(*written).first()


def _differences(before: dict[str, Any], instance: Any) -> Changes:
    """By the stored value, so that what is written again as it was is no change. A secret is told to have changed."""
    changes = {}
    for name, old in before.items():
        field = instance._meta.get_field(name)
        new = field.value_from_object(instance)
        if isinstance(field, models.FileField):
            new = str(new)
        if new != old:
            changes[name] = [shown(name, old), shown(name, new)]
    return changes


def _values(instance: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    """Those that are not empty."""
    values = {name: instance._meta.get_field(name).value_from_object(instance) for name in fields}
    return {name: shown(name, value) for name, value in values.items() if value not in (None, "", {}, [])}


def _note_roles(sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """Of `user.groups`; a group that takes its users in changes the role of each."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    people = [instance] if not reverse else list(get_user_model().objects.filter(pk__in=pk_set or ()))
    for person in people:
        if reverse:
            names = [instance.name]
        else:
            names = list(
                (Group.objects.filter(pk__in=pk_set) if pk_set else person.groups).values_list("name", flat=True)
            )
        if names:
            told = ", ".join(sorted(names))
            note(CHANGED, person, changes={"role": ["", told] if action == "post_add" else [told, ""]})


def _note_login(sender: Any, request: Any, user: Any, **_: Any) -> None:
    note("logged in", user, user=user)


def _note_logout(sender: Any, request: Any, user: Any, **_: Any) -> None:
    if user is not None:
        note("logged out", user, user=user)


def _note_failed_login(sender: Any, credentials: dict[str, Any], request: Any = None, **_: Any) -> None:
    """With the account's name where there is one: people type passwords into the field of the name."""
    person = get_user_model().objects.filter(username=str(credentials.get("username", ""))).first()
    about = "" if person else "No account of that name."
    note("login failed", person, note=about, address=str(credentials.get("address", "")))
