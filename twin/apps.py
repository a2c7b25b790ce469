from django.apps import AppConfig
from django.core.checks import register


class TwinConfig(AppConfig):
    name = "twin"
    verbose_name = "Digital twin"
    changed_by = {"*": "engineer"}  # read by access.granting
    audited = {
        "estimator": (
            "battery", "version", "kind", "is_current", "followed", "promote_when_caught_up", "script_sha256",
            "required_time", "parameters", "parameter_set", "registered_by",
        ),
        "parameterset": ("title", "battery", "parameters", "fitted_by"),
        "versionchange": ("battery", "before_version", "after_version", "reason", "by"),
    }  # read by access.audited  # fmt: skip
    not_audited = (
        "supportfile", "estimatorprogress", "recomputation", "checkpoint", "recomputed",
        "measuredprogress", "measuredcheckpoint", "measuredcycle", "measuredresistance", "measuredsoc",
    )  # fmt: skip

    def ready(self) -> None:
        from datahub import queries as datahub_queries  # noqa: PLC0415  (models are ready only now)
        from datahub.losses import tellers_of_loss  # noqa: PLC0415  (as above)
        from twin import tasks  # noqa: F401, PLC0415  (registers jobs and duties)
        from twin.checks import another_package_is_called_moirae  # noqa: PLC0415
        from twin.dropping import move_past_dropped_rows  # noqa: PLC0415
        from twin.fitting.files import remove_with_their_jobs  # noqa: PLC0415
        from twin.queries import batteries_with_estimator, loss_with  # noqa: PLC0415
        from twin.storage import remove_with_their_records  # noqa: PLC0415

        register(another_package_is_called_moirae)
        remove_with_their_records()
        remove_with_their_jobs()
        move_past_dropped_rows()
        if batteries_with_estimator not in datahub_queries.holders_of_estimators:
            datahub_queries.holders_of_estimators.append(batteries_with_estimator)
        if loss_with not in tellers_of_loss:
            tellers_of_loss.append(loss_with)
