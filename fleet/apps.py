from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "fleet"
    verbose_name = "Fleet energy"
    changed_by = {"*": "operator"}  # read by access.granting
    audited = {
        "asset": ("number", "name", "kind", "battery_id", "begun_at", "price", "currency"),
    }  # read by access.audited  # fmt: skip
    not_audited = ("reading", "quarter", "energyday", "energymonth", "energyforecast", "energyscore")

    def ready(self) -> None:
        from fleet import tasks  # noqa: F401, PLC0415  (models are ready only now)
