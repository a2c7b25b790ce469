"""What each role may do in the admin: Django's model permissions, kept in step with the roles at every migration.

A room says in its AppConfig who changes its records: `changed_by = {"*": "engineer", "forecastrun": "operator"}`, by
model name. Every role sees them, where `seen_by` says nothing else; administrators delete them. A room without
`changed_by` is no business of people.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from access.roles import GRANTED, Role

PEOPLE = ("auth", ("user",))


def grant_permissions(sender: AppConfig, using: str = "default", **_: Any) -> None:
    """Makes the four groups and gives them the permissions on the models of `sender`; runs after its migrations."""
    if not hasattr(sender, "changed_by") and sender.label != PEOPLE[0]:
        return
    if not _tables_exist(using):
        return
    permissions = _permissions_of(sender, using)
    for role in GRANTED:
        granted = Group.objects.using(using).get_or_create(name=role.group)[0].permissions
        may = [permission for permission in permissions if role >= _least_role(sender, permission)]
        granted.remove(*(permission for permission in permissions if permission not in may))
        granted.add(*may)


def _least_role(room: AppConfig, permission: Permission) -> Role:
    action, _separator, model = permission.codename.partition("_")
    if room.label == PEOPLE[0]:
        return Role.ADMINISTRATOR
    if action == "view":
        return Role[getattr(room, "seen_by", {}).get(model, "viewer").upper()]
    if action == "delete":
        return Role.ADMINISTRATOR
    changed_by: dict[str, str] = room.changed_by  # type: ignore[attr-defined]
    return Role[changed_by.get(model, changed_by.get("*", "administrator")).upper()]


def _permissions_of(room: AppConfig, using: str) -> list[Permission]:
    found = Permission.objects.using(using).filter(content_type__app_label=room.label)
    if room.label == PEOPLE[0]:
        found = found.filter(content_type__model__in=PEOPLE[1])
    return list(found.exclude(codename=""))


def _tables_exist(using: str) -> bool:
    """False while only some rooms are migrated, as in `migrate datahub zero`."""
    from django.db import connections  # noqa: PLC0415  (kept out of the import of this module, which apps load early)

    tables = set(connections[using].introspection.table_names())
    needed = {Group._meta.db_table, Permission._meta.db_table, ContentType._meta.db_table}
    return needed <= tables and apps.is_installed("django.contrib.auth")
