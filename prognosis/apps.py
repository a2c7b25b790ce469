from django.apps import AppConfig


class PrognosisConfig(AppConfig):
    name = "prognosis"
    verbose_name = "Prognosis"
    changed_by = {"*": "engineer", "forecastrun": "operator"}  # read by access.granting
    audited = {
        "forecaster": (
            "name",
            "version",
            "is_current",
            "disabled_at",
            "kind",
            "options",
            "script_sha256",
            "sql_query",
            "registered_by",
        ),
        "forecastrun": ("battery", "forecaster_name", "forecaster_version", "kind", "options", "load", "requested_by"),
        "fleetforecast": ("title", "kind", "options", "chosen", "load", "requested_by"),
        "comparison": ("title", "battery", "kind", "options", "requested_by"),
    }  # read by access.audited
    not_audited = ("servedbattery", "supportfile", "forecastscore")

    def ready(self) -> None:
        from prognosis import storage, tasks  # noqa: F401, PLC0415  (models are ready only now)
        from prognosis.forgetting import forget_with_estimates  # noqa: PLC0415  (as above)

        forget_with_estimates()
        storage.remove_files_with_their_records()
