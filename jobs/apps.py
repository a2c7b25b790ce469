from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Jobs and workers"
    changed_by = {"*": "operator"}  # read by access.granting
