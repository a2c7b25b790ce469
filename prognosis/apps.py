from django.apps import AppConfig


class PrognosisConfig(AppConfig):
    name = "prognosis"
    verbose_name = "Prognosis"
    changed_by = {"*": "engineer", "forecastrun": "operator"}  # read by access.granting
