from django.apps import AppConfig


class PrognosisConfig(AppConfig):
    name = "prognosis"
    verbose_name = "Prognosis"
    changed_by = {"*": "engineer", "forecastrun": "operator"}  # read by access.granting

    def ready(self) -> None:
        from prognosis import storage, tasks  # noqa: F401, PLC0415  (models are ready only now)
        from prognosis.forgetting import forget_with_estimates  # noqa: PLC0415  (as above)

        forget_with_estimates()
        storage.remove_files_with_their_records()
