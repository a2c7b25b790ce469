from django.apps import AppConfig


class TwinConfig(AppConfig):
    name = "twin"
    verbose_name = "Digital twin"
    changed_by = {"*": "engineer"}  # read by access.granting
