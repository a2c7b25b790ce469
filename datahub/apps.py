from django.apps import AppConfig


class DatahubConfig(AppConfig):
    name = "datahub"
    verbose_name = "Data hub"
    changed_by = {"*": "operator"}  # read by access.granting
    audited = {
        "battery": (
            "name", "description", "metadata", "is_simulated", "finished_at", "tags", "archived_at", "most_rows",
            "when_full", "keep_days",
        ),
        "mark": ("battery", "test_time", "text", "by"),
        "dataimport": ("battery", "file_name", "requested_by", "mapping", "undone"),
    }  # read by access.audited  # fmt: skip
    not_audited = ("columnmapping", "truth")

    def ready(self) -> None:
        from datahub import tasks  # noqa: F401, PLC0415  (models are ready only now)
        from datahub.imports.requesting import remove_files_with_their_records  # noqa: PLC0415  (as above)

        remove_files_with_their_records()
