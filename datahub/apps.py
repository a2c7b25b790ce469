from django.apps import AppConfig


class DatahubConfig(AppConfig):
    name = "datahub"
    verbose_name = "Data hub"
    changed_by = {"*": "operator"}  # read by access.granting
