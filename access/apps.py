from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = "People and tokens"
    changed_by = {"token": "viewer"}  # their own; access.admin sees to that

    def ready(self) -> None:
        from access.granting import grant_permissions  # noqa: PLC0415  (models are ready only now)

        post_migrate.connect(grant_permissions, dispatch_uid="access.grant_permissions")
