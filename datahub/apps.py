from django.apps import AppConfig


class DatahubConfig(AppConfig):
    name = "datahub"
    verbose_name = "Data hub"
    changed_by = {"*": "operator"}  # read by access.granting

    def ready(self) -> None:
        from datahub import tasks  # noqa: F401, PLC0415  (models are ready only now)
        from datahub.imports.requesting import remove_files_with_their_records  # noqa: PLC0415  (as above)

        remove_files_with_their_records()
