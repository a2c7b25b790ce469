from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = "People and tokens"
    changed_by = {"token": "viewer"}  # their own; access.admin sees to that
    seen_by = {"auditentry": "administrator", "logintries": "administrator", "keptanswer": "administrator"}
    audited = {
        "token": ("name", "user", "battery_name", "expiry", "rows_per_second", "connections", "created_by"),
    }  # read by access.audited
    not_audited = ("auditentry", "keptanswer", "logintries")

    def ready(self) -> None:
        from access.audited import watch_records  # noqa: PLC0415  (models are ready only now)
        from access.granting import grant_permissions  # noqa: PLC0415  (as above)
        from access.passwords import check_when_stored  # noqa: PLC0415  (as above)

        watch_records()
        check_when_stored()
        post_migrate.connect(grant_permissions, dispatch_uid="access.grant_permissions")
