from django.apps import AppConfig


class PrognosisConfig(AppConfig):
    name = "prognosis"
    verbose_name = "Prognosis"
    changed_by = {"*": "engineer", "forecastrun": "operator"}  # read by access.granting

    def ready(self) -> None:
        from prognosis import storage, tasks  # noqa: F401, PLC0415  (models are ready only now)

        storage.remove_files_with_their_records()
